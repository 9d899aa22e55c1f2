import type { MessageInitShape } from '@bufbuild/protobuf';
import { DomainError, errorOf } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import { Severity } from '@stigmer/proto/agentic/resolver/v1/io';
import type { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type {
  PreparedRun,
  PrepareRunInputSchema,
  RunResolver,
} from '@stigmer/proto/internal/v1/run_resolver';
import { Limits } from '../limits';
import { withoutValues } from './run-request';
import type { RunSources } from './run-template';

/** What the control-plane asks the resolver: whether a run can start, and to prepare its context. */
export class Resolver {
  constructor(
    private readonly queries: GrpcClient<typeof ResolverQueryController>,
    private readonly runs: GrpcClient<typeof RunResolver>,
    private readonly limits: Limits,
  ) {}

  /**
   * The names that are secret in the merged result. FAILED_PRECONDITION with everything that keeps the run from
   * starting. No runtime value is sent: nothing of this depends on one.
   */
  async check(
    org: string,
    { template, environmentRefs }: RunSources,
    runtimeEnv: Readonly<Record<string, ExecutionValue>>,
  ): Promise<ReadonlySet<string>> {
    const { variables, diagnostics } = await this.queries.explain({
      org,
      template,
      environmentRefs,
      runtimeEnv: withoutValues(runtimeEnv),
    });
    const error = errorOf(
      diagnostics.map((diagnostic) => ({
        code: diagnostic.code,
        severity: diagnostic.severity === Severity.WARNING ? ('warning' as const) : ('error' as const),
        server: diagnostic.server,
        field: diagnostic.field,
        variable: diagnostic.variable,
        message: diagnostic.message,
        hint: diagnostic.hint,
      })),
    );
    if (error !== undefined) throw error;
    return new Set(Object.keys(variables).filter((name) => variables[name]?.isSecret === true));
  }

  /** Merges the run's values into its context. Asked twice where the first answer did not come. */
  async prepare(input: MessageInitShape<typeof PrepareRunInputSchema>): Promise<PreparedRun> {
    const call = () => this.runs.prepare(input, { deadlineMs: this.limits.callMs });
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== 'unavailable') throw error;
      return call();
    }
  }
}
