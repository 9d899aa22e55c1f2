import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/common';
import { TASK_QUEUES } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import { createAgentActivities } from './agent/agent-activities';
import type { ModelSettings } from './agent/model';
import { Boundary } from './boundary';
import type { Clients } from './clients';
import { Jq } from './expression/jq';
import type { Surroundings } from './mcp/launch';
import { createWorkflowActivities } from './workflow-activities';
import { workflowBundle } from './workflow-bundle';

/** All that a runner needs, however it came by it. */
export interface RunnerOptions {
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly clients: Clients;
  readonly surroundings: Surroundings;
  readonly model: ModelSettings;
  readonly maxTurns: number;
  readonly agentTimeLimitSeconds: number;
  readonly workflowTimeLimitSeconds: number;
  readonly log: Logger;
}

/** Two workers that poll. */
export interface Runner {
  /** Settles when both have stopped; rejects when one breaks down. */
  readonly stopped: Promise<void>;
  /** Stops polling, gives running activities a moment, hands the rest back to Temporal. */
  stop(): Promise<void>;
}

/** How long an activity may go on after the worker was told to stop. */
const GRACE = '10s';

/**
 * What Temporal's defaults would take and our workflows do not need. A thread with an interpreter of its own for each
 * worker, 40 MB apiece, is there for workflows that compute: ours wait for activities, at most a thousand times. It is
 * called `debugMode` because it also lifts the limit on how long a workflow may compute. And a run that is not among the
 * cached ones is read again from its history; by default it would be as many as the heap's limit allows, some thousands.
 */
const MEMORY = { debugMode: true, maxCachedWorkflows: 250 } as const;

/** Starts the workers of both task queues. */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const { clients, surroundings, log } = options;
  installRuntime(log);
  const jq = new Jq();
  const [connection, bundle] = await Promise.all([
    NativeConnection.connect({ address: options.temporalAddress }),
    workflowBundle(temporalLogger(log)),
  ]);
  const common = {
    connection,
    namespace: options.temporalNamespace,
    workflowBundle: bundle,
    shutdownGraceTime: GRACE,
    ...MEMORY,
    // A cancellation travels back with a heartbeat, so heartbeats must not be saved up.
    maxHeartbeatThrottleInterval: '5s',
    interceptors: { activity: [(context) => ({ inbound: new Boundary(context, log) })] },
  } satisfies Partial<WorkerOptions>;
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: TASK_QUEUES.workflows,
      activities: createWorkflowActivities({
        clients,
        jq,
        surroundings,
        log,
        timeLimitSeconds: options.workflowTimeLimitSeconds,
      }),
    }),
    Worker.create({
      ...common,
      taskQueue: TASK_QUEUES.agents,
      activities: createAgentActivities({
        ...{ clients, surroundings, log, model: options.model, maxTurns: options.maxTurns },
        timeLimitSeconds: options.agentTimeLimitSeconds,
      }),
    }),
  ]);
  const stopped = Promise.all(workers.map((worker) => worker.run())).then(async () => {
    await connection.close();
    await jq.close();
  });
  log.info({ queues: Object.values(TASK_QUEUES) }, 'workers are polling');
  return {
    stopped,
    async stop() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped;
    },
  };
}

/**
 * Temporal warns of every failure; a failed request or a raised error is the workflow's business, and no fault here. What
 * is a fault says so besides: an activity's at the boundary, a workflow's as a failed workflow task.
 */
const FAILURES: ReadonlyMap<string, string> = new Map([
  ['Activity failed', 'an activity failed'],
  ['Workflow failed', 'a run failed'],
]);

/** Temporal's own warnings, as lines of our log: what happened and to which run, without the error's many properties. */
function temporalLogger(log: Logger): DefaultLogger {
  return new DefaultLogger('WARN', ({ level, message, meta }) => {
    const { workflowId, activityType, attempt, error } = meta ?? {};
    const ids = {
      executionId: workflowId as unknown,
      activity: activityType as unknown,
      attempt: attempt as unknown,
    };
    const failed = FAILURES.get(message);
    if (failed !== undefined) {
      log.info({ ...ids, failure: failureType(error) }, failed);
      return;
    }
    const fields = { ...ids, temporal: message };
    if (level === 'ERROR') log.error(fields, 'Temporal reports an error');
    else log.warn(fields, 'Temporal warns');
  });
}

/** An activity's failure; a workflow's loses its type on the way out of the sandbox, and the line of its end has it. */
function failureType(error: unknown): string | undefined {
  return error instanceof ApplicationFailure ? (error.type ?? undefined) : undefined;
}

let installed = false;

/** The SDK's runtime is one per process. Without this it would catch the signals that `main.ts` handles. */
function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  Runtime.install({ logger: temporalLogger(log), shutdownSignals: [] });
}
