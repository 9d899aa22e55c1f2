import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { TASK_QUEUES, WORKFLOW_TYPES } from '@stigmer/domain';
import { startTemporal } from '@stigmer/embedded';
import { createLogger, newId } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { closeClients, createClients } from '../clients';
import { startRunner, type RunnerOptions } from '../worker';
import { FarSide, type FarRun } from './far-side';

/** A runner on a real Temporal, with fake far sides over real gRPC. */
export interface Harness {
  readonly farSide: FarSide;
  readonly client: Client;
  readonly homes: string;
  readonly temporal: string;
  /** Where the far side serves both services. */
  readonly services: string;
  /** The text of all log lines so far. */
  readonly log: () => string;
  start(kind: 'workflow' | 'agent', run: FarRun): Promise<WorkflowHandle>;
  stop(): Promise<void>;
}

export interface HarnessOptions {
  /** No runner inside the test: it starts processes of its own. */
  readonly withoutRunner?: boolean;
  readonly modelUrl?: string;
  readonly modelApiKey?: string;
  readonly workflowTimeLimitSeconds?: number;
  readonly maxTurns?: number;
}

/** The servers' program, started without npx: no network, no surprise. */
export const EVERYTHING = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');

/** Starts everything; `stop` ends it all. */
export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const temporal = await startTemporal({ headless: true });
  const { farSide, address } = await FarSide.start();
  const homes = await mkdtemp(join(tmpdir(), 'stigmer-homes-'));
  const lines: string[] = [];
  const clients = createClients(
    { contextService: address, controlPlane: address },
    testIdentities().identity('workflow-runner'),
  );
  const runnerOptions: RunnerOptions = {
    temporalAddress: temporal.address,
    temporalNamespace: 'default',
    clients,
    surroundings: { path: process.env['PATH'] ?? '', lang: 'C.UTF-8', tmpdir: tmpdir(), homes },
    model: { name: 'scripted', url: options.modelUrl, apiKey: options.modelApiKey },
    maxTurns: options.maxTurns ?? 10,
    agentTimeLimitSeconds: 60,
    workflowTimeLimitSeconds: options.workflowTimeLimitSeconds ?? 60,
    log: createLogger('workflow-runner', 'info', {
      write: (line) => {
        lines.push(line);
      },
    }),
  };
  const runner = options.withoutRunner === true ? undefined : await startRunner(runnerOptions);
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  return {
    farSide,
    client,
    homes,
    temporal: temporal.address,
    services: address,
    log: () => lines.join(''),
    start(kind, run) {
      const executionId = newId(kind === 'workflow' ? 'wex' : 'aex');
      farSide.add(executionId, run);
      const taskQueue = kind === 'workflow' ? TASK_QUEUES.workflows : TASK_QUEUES.agents;
      return client.workflow.start(WORKFLOW_TYPES[kind], {
        taskQueue,
        workflowId: executionId,
        args: [executionId],
      });
    },
    async stop() {
      await runner?.stop();
      closeClients(clients);
      await connection.close();
      farSide.stop();
      await temporal.stop();
      await rm(homes, { recursive: true, force: true });
    },
  };
}

/** A run's whole history as text, with every payload's bytes as the text they are. */
export async function historyText(handle: WorkflowHandle): Promise<string> {
  const pieces: string[] = [];
  collect((await handle.fetchHistory()).events, pieces);
  return pieces.join('\n');
}

function collect(value: unknown, pieces: string[]): void {
  if (value instanceof Uint8Array) pieces.push(Buffer.from(value).toString('utf8'));
  else if (typeof value === 'string') pieces.push(value);
  else if (typeof value === 'object' && value !== null)
    Object.values(value).forEach((item) => {
      collect(item, pieces);
    });
}
