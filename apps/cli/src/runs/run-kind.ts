import type { AgentExecution } from '@stigmer/proto/agentic/agentexecution/v1/api';
import type { WorkflowExecution } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import type { Stigmer } from '@stigmer/sdk';

export type Execution = AgentExecution | WorkflowExecution;

/** How runs of one kind are started, watched and cancelled. */
export interface RunKind<E extends Execution> {
  readonly name: 'AgentExecution' | 'WorkflowExecution';
  readonly idPrefix: 'aex' | 'wex';
  create(server: Stigmer, execution: E): Promise<E>;
  get(server: Stigmer, id: string): Promise<E>;
  subscribe(server: Stigmer, id: string, signal: AbortSignal): AsyncIterable<E>;
  cancel(server: Stigmer, id: string): Promise<E>;
  /** What happened between two states, one line each. */
  progress(before: E | undefined, now: E): readonly string[];
  /** What the run has to say for itself at its end. */
  result(execution: E): string;
}
