import type { WorkflowExecution } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { connect } from '@stigmer/sdk';
import type { Stack } from './stack';
import { succeeded } from './stigmer';
import { patiently, until } from './until';

/** An environment whose secret TOKEN the runs of {@link workflowWith} get. */
export function environment(name: string, token: string): string {
  return `apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: ${name} }
spec: { data: { TOKEN: { value: ${token}, is_secret: true }, REGION: { value: eu } } }
`;
}

/** A workflow of these tasks that needs TOKEN, and the instance that gets it from an environment. */
export function workflowWith(environmentName: string, name: string, ...tasks: readonly object[]): string {
  return `apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: ${name} }
spec:
  document: { dsl: 1.0.0, namespace: tests, name: ${name}, version: 1.0.0 }
  env_spec: { data: { TOKEN: { is_secret: true } } }
  tasks: ${JSON.stringify(tasks)}
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: ${name}-own }
spec: { workflow_id: ${name}, env_refs: [${environmentName}] }
`;
}

/** Shows TOKEN to a receiver. */
export function callTo(url: string): object {
  return {
    ...{ name: 'call', kind: 'HTTP_CALL' },
    task_config: {
      ...{ method: 'GET', endpoint: { uri: url }, timeout_seconds: 120 },
      headers: { Authorization: 'Bearer ${.secrets.TOKEN}' },
    },
  };
}

export function waitFor(seconds: number): object {
  return { name: 'wait', kind: 'WAIT', task_config: { seconds } };
}

export async function apply(stack: Stack, ...documents: readonly string[]): Promise<void> {
  succeeded(await stack.stigmer(['apply', '-'], { input: documents.join('---\n') }), 'apply');
}

/** Starts a run of a workflow and leaves it to itself; its execution's id. */
export async function startRun(stack: Stack, workflow: string): Promise<string> {
  const started = await stack.json(['workflow', 'execute', workflow, '--trigger', 'x', '--no-wait']);
  return (started as { readonly metadata: { readonly id: string } }).metadata.id;
}

const ENDED: ReadonlySet<ExecutionPhase> = new Set([
  ExecutionPhase.EXECUTION_COMPLETED,
  ExecutionPhase.EXECUTION_FAILED,
  ExecutionPhase.EXECUTION_CANCELLED,
]);

/** The execution once it has ended, whatever is restarted meanwhile. */
export async function ended(stack: Stack, id: string): Promise<WorkflowExecution> {
  const server = connect({ address: await stack.gateway() });
  try {
    return await until(`${id} ends`, async () => {
      const execution = await patiently(() => server.workflowExecutions.get({ value: id }));
      const phase = execution.status?.phase;
      return phase !== undefined && ENDED.has(phase) ? execution : undefined;
    });
  } finally {
    server.close();
  }
}
