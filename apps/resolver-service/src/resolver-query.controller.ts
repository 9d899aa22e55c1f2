import {
  type CheckResultSchema,
  ExplanationSchema,
  type ResolveInput,
} from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController as Service } from '@stigmer/proto/agentic/resolver/v1/query';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Encoded } from '@stigmer/proto';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { encodeVariables } from './encoded-variables';
import { describeDiagnostic, describeEnvironments } from './provenance';
import { Resolver } from './resolver';

/** The public side: what a run would get, and what is wrong with it, before anything runs. */
@GrpcController(Service)
export class ResolverQueryController implements RpcHandlers<typeof Service> {
  constructor(private readonly resolver: Resolver) {}

  async explain(input: ResolveInput, { signal }: CallContext): Promise<Encoded<typeof ExplanationSchema>> {
    const { merged, diagnostics, environments } = await this.resolver.explain(input, signal);
    const explanation = {
      diagnostics: diagnostics.map(describeDiagnostic),
      environments: describeEnvironments(environments),
    };
    return encodeVariables(ExplanationSchema, explanation, ExplanationSchema.field.variables, merged.values);
  }

  async check(
    input: ResolveInput,
    { signal }: CallContext,
  ): Promise<MessageInitShape<typeof CheckResultSchema>> {
    const { diagnostics } = await this.resolver.explain(input, signal);
    return { diagnostics: diagnostics.map(describeDiagnostic) };
  }
}
