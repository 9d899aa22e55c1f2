import type { MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { errorOf, type MergedValue } from '@stigmer/domain';
import type { PreparedRunSchema, PrepareRunInput } from '@stigmer/proto/internal/v1/run_resolver';
import { Clients } from './clients';
import { describeEnvironments, describeVariables } from './provenance';
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
  async prepare(
    input: PrepareRunInput,
    signal: AbortSignal,
  ): Promise<MessageInitShape<typeof PreparedRunSchema>> {
    const { merged, diagnostics, environments } = await this.resolver.open(input, signal);
    const error = errorOf(diagnostics);
    if (error !== undefined) throw error;
    const { executionId, org, creator, requestDigest, expiresAt } = input;
    const data = contextData(merged.values);
    const context = await this.clients.contexts.create({
      executionId,
      org,
      creator,
      requestDigest,
      expiresAt,
      data,
    });
    return {
      variables: describeVariables(merged.values),
      environments: describeEnvironments(environments),
      contextId: context.id,
      expiresAt: context.expiresAt,
    };
  }
}

function contextData(values: ReadonlyMap<string, MergedValue>) {
  return Object.fromEntries(
    [...values].map(([name, { text, secret }]) => [name, { value: text, isSecret: secret }]),
  );
}
