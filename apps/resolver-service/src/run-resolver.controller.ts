import type { Encoded } from '@stigmer/proto';
import {
  type PreparedRunSchema,
  type PrepareRunInput,
  RunResolver,
} from '@stigmer/proto/internal/v1/run_resolver';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { Runs } from './runs';

/** The control-plane's side: a run's secrets come in and go to the context service, never back. */
@GrpcController(RunResolver)
export class RunResolverController implements RpcHandlers<typeof RunResolver> {
  constructor(private readonly runs: Runs) {}

  prepare(input: PrepareRunInput, { signal }: CallContext): Promise<Encoded<typeof PreparedRunSchema>> {
    return this.runs.prepare(input, signal);
  }
}
