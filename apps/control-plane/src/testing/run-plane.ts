import type { GrpcClient } from '@stigmer/proto';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { Client, Connection } from '@temporalio/client';
import { workflow, workflowExecution } from './samples';
import { type Backing, eventually, FAST, IMPATIENT, type Replica, startBacking, startReplica } from './stack';

export const CANARY = 'canary-7f3a91c4-secret';

let count = 0;
export const nextId = () => `wex-test-${++count}`;

/** A run of `deploy` that brings the secret it declares. */
export const secretRun = (id: string, value = CANARY) =>
  workflowExecution(id, 'deploy', { runtimeEnv: { TOKEN: { value }, LEVEL: { value: 'debug' } } });

/** A control-plane on real servers with two workflows to run: `deploy`, which declares a secret, and `plain`. */
export interface RunPlane {
  readonly backing: Backing;
  readonly replica: Replica;
  readonly temporal: Client;
  readonly commands: GrpcClient<typeof WorkflowExecutionCommandController>;
  /** The same of another replica, which soon gives Temporal up. */
  readonly impatient: GrpcClient<typeof WorkflowExecutionCommandController>;
  readonly queries: GrpcClient<typeof WorkflowExecutionQueryController>;
  /** Resolves when Temporal is back, and both replicas have found it again. */
  mendTemporal(): Promise<void>;
  close(): Promise<void>;
}

export async function startRunPlane(): Promise<RunPlane> {
  const backing = await startBacking();
  // The sweep has a spec of its own: here it is out of the way.
  const sweepIntervalMs = 3_600_000;
  const [replica, other] = await Promise.all([
    startReplica(backing, { ...FAST, sweepIntervalMs }),
    startReplica(backing, { ...IMPATIENT, sweepIntervalMs }),
  ]);
  const connection = await Connection.connect({ address: backing.temporalAddress });
  const commands = replica.client(WorkflowExecutionCommandController, 'gateway');
  const impatient = other.client(WorkflowExecutionCommandController, 'gateway');
  const workflows = replica.client(WorkflowCommandController, 'gateway');
  const declared = { TOKEN: { isSecret: true }, LEVEL: { value: 'info' } };
  await workflows.apply(workflow('deploy', { envSpec: { data: declared } }));
  await workflows.apply(workflow('plain'));
  const reached = (from: typeof commands) =>
    from.create(workflowExecution(nextId(), 'plain')).then(
      () => true,
      () => false,
    );
  const untilReached = async () => {
    for (const from of [commands, impatient]) await eventually(() => reached(from), Boolean);
  };
  // Its first call connects, which is not what its short deadline is for.
  await untilReached();
  return {
    backing,
    replica,
    temporal: new Client({ connection }),
    commands,
    impatient,
    queries: replica.client(WorkflowExecutionQueryController, 'gateway'),
    async mendTemporal() {
      backing.wires.temporal.mend();
      await untilReached();
    },
    async close() {
      await connection.close();
      await Promise.all([replica.close(), other.close()]);
      await backing.stop();
    },
  };
}
