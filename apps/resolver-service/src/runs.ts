import { Injectable } from '@nestjs/common';
import { errorOf, type MergedValue } from '@stigmer/domain';
import type { Encoded } from '@stigmer/proto';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { PreparedRunSchema, type PrepareRunInput } from '@stigmer/proto/internal/v1/run_resolver';
import { Clients } from './clients';
import { encodeValues, encodeVariables } from './encoded-variables';
import { describeDiagnostic, describeEnvironments } from './provenance';
import { Resolver } from './resolver';

/** Makes runs ready: resolves, and hands the values to the context service. Nothing is stored here. */
@Injectable()
export class Runs {
  constructor(
    private readonly resolver: Resolver,
    private readonly clients: Clients,
  ) {}

  /**
   * Creates the context of a run, or refuses with everything that is wrong at once. Repeatable: the context service
   * answers the same creator's same request the same way, by the digest.
   */
  async prepare(input: PrepareRunInput, signal: AbortSignal): Promise<Encoded<typeof PreparedRunSchema>> {
    const { merged, diagnostics, environments } = await this.resolver.open(input, signal);
    const error = errorOf(diagnostics);
    if (error !== undefined) throw error;
    const context = await this.clients.contexts.create(contextOf(input, merged.values));
    const prepared = {
      environments: describeEnvironments(environments),
      contextId: context.id,
      expiresAt: context.expiresAt,
      warnings: diagnostics.map(describeDiagnostic),
    };
    return encodeVariables(PreparedRunSchema, prepared, PreparedRunSchema.field.variables, merged.values);
  }
}

function contextOf(
  { executionId, org, creator, requestDigest, expiresAt }: PrepareRunInput,
  values: ReadonlyMap<string, MergedValue>,
): Encoded<typeof CreateContextInputSchema> {
  const request = { executionId, org, creator, requestDigest, expiresAt };
  return encodeValues(CreateContextInputSchema, request, CreateContextInputSchema.field.data, values);
}
