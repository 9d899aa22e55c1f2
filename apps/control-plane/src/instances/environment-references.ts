import { DomainError, type Violation } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import type { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';

/** Asks environment-service whether the environments that an instance names exist. */
export class EnvironmentReferences {
  constructor(private readonly environments: GrpcClient<typeof EnvironmentQueryController>) {}

  /** One violation for each reference that leads nowhere. Another organisation's environment does not exist here. */
  async missing(
    org: string,
    references: readonly ApiResourceReference[],
    field: string,
  ): Promise<readonly Violation[]> {
    const found = await Promise.all(references.map((reference) => this.exists(org, reference)));
    return references.flatMap(({ slug, version }, index) => {
      if (found[index] === true) return [];
      const ref = version === '' ? slug : `${slug}@${version}`;
      return [{ field: `${field}[${index}]`, description: `Environment not found: ${ref}` }];
    });
  }

  private async exists(
    org: string,
    { org: named, scope, slug, version }: ApiResourceReference,
  ): Promise<boolean> {
    if (named !== '' && named !== org) return false;
    try {
      await this.environments.getByReference({
        scope,
        org,
        kind: ApiResourceKind.environment,
        slug,
        version,
      });
      return true;
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'not-found') return false;
      throw error;
    }
  }
}
