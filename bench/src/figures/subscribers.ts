import { setTimeout as sleep } from 'node:timers/promises';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { grpcClient } from '@stigmer/proto';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import type { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { SubscribeWorkflowExecutionRequestSchema } from '@stigmer/proto/agentic/workflowexecution/v1/io';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { ApiResourceOwnerScope, WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { type Figure, median, rounded } from '../figure';
import { subscribe } from '../load';
import { pathOf } from '../raw-call';
import { stack } from '../stack';

const SUBSCRIBERS = 500;
const CHANGES = 20;
/** Time enough between two changes for all to have heard of the first. */
const BETWEEN_MS = 500;
const SETTLED_MS = 2_000;

/** How long a change of an execution takes to reach all of its subscribers, through the gateway. */
export const subscribers: Figure = {
  name: 'subscribers',
  async run(bench) {
    const { gateway } = await stack(bench);
    const commands = grpcClient(WorkflowExecutionCommandController, gateway, credentials.createInsecure());
    try {
      const executionId = await startRun(gateway);
      const request = create(SubscribeWorkflowExecutionRequestSchema, { executionId });
      const { ready, arrivals } = subscribe(
        {
          address: gateway,
          path: pathOf(WorkflowExecutionQueryController.method.subscribe),
          metadata: {},
          messages: [toBinary(SubscribeWorkflowExecutionRequestSchema, request)],
        },
        SUBSCRIBERS,
        bench.config.connections,
      );
      // Whatever ends the measurement early ends the streams too, and that is not the news.
      arrivals.catch(() => undefined);
      await ready;
      await sleep(SETTLED_MS);
      const changes: number[] = [];
      for (let change = 1; change <= CHANGES; change++) {
        changes.push(Date.now());
        await commands.update(labelled(executionId, String(change)));
        await sleep(BETWEEN_MS);
      }
      await commands.cancel({ value: executionId });
      return [rowOf(changes, await arrivals)];
    } finally {
      commands.close();
    }
  },
};

/** A change that anybody may make to an execution that runs. */
function labelled(id: string, change: string): MessageInitShape<typeof WorkflowExecutionSchema> {
  const ownerScope = ApiResourceOwnerScope.organization;
  return {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'WorkflowExecution',
    metadata: { id, name: 'run', org: 'acme', ownerScope, labels: { change } },
  };
}

/** A run that does nothing but wait. */
async function startRun(gateway: string): Promise<string> {
  const workflows = grpcClient(WorkflowCommandController, gateway, credentials.createInsecure());
  const commands = grpcClient(WorkflowExecutionCommandController, gateway, credentials.createInsecure());
  const metadata = { name: 'wait', org: 'acme', ownerScope: ApiResourceOwnerScope.organization };
  try {
    const { metadata: made } = await workflows.create({
      apiVersion: 'agentic.stigmer.ai/v1',
      kind: 'Workflow',
      metadata,
      spec: {
        document: { dsl: '1.0.0', namespace: 'bench', name: 'wait', version: '1.0.0' },
        tasks: [{ name: 'wait', kind: WorkflowTaskKind.WAIT, taskConfig: { seconds: 600 } }],
      },
    });
    const run = await commands.create({
      apiVersion: 'agentic.stigmer.ai/v1',
      kind: 'WorkflowExecution',
      metadata: { ...metadata, name: 'run' },
      spec: { workflowId: made?.id ?? '' },
    });
    return run.metadata?.id ?? '';
  } finally {
    workflows.close();
    commands.close();
  }
}

function rowOf(changes: readonly number[], arrivals: readonly number[]) {
  const delays = changes.map((changed, index) => {
    const until = changes[index + 1] ?? changed + BETWEEN_MS;
    return arrivals.filter((at) => at >= changed && at < until).map((at) => at - changed);
  });
  if (delays.some((each) => each.length < SUBSCRIBERS)) {
    throw new Error(`a change did not reach all subscribers within ${BETWEEN_MS} ms`);
  }
  const all = delays.flat().sort((a, b) => a - b);
  const at = (share: number): number => rounded(all[Math.floor(share * all.length)] ?? 0);
  return {
    name: `subscribers.${SUBSCRIBERS}`,
    value: rounded(median(delays.map((each) => Math.max(...each)))),
    unit: 'ms until all have it',
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    floor: null,
    ratio: null,
  };
}
