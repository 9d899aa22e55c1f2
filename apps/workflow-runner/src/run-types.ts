import type { Json, JsonObject } from './json';

/**
 * What passes between the workflow and its activities, and so what Temporal keeps: ids, names, kinds, and data that was
 * masked before it left an activity. Types alone: the workflow's sandbox imports nothing of ours at run time.
 */

/** One task as the workflow sees it. */
export interface OutlineTask {
  readonly name: string;
  readonly then: string;
  /** WAIT's: a timer of the workflow; every other kind is an activity. */
  readonly waitSeconds?: number;
  /** SWITCH's: where each of its cases leads. */
  readonly cases?: readonly string[];
}

export interface Outline {
  readonly tasks: readonly OutlineTask[];
  readonly timeLimitSeconds: number;
}

/** What the tasks so far have left, masked. */
export interface RunState {
  readonly context: JsonObject;
  /** The last task's output; absent before the first. */
  readonly output?: Json;
}

/** One visit to a task: flow control may come to the same task again. */
export interface Step {
  readonly index: number;
  readonly visit: number;
  readonly startedAt: string;
}

export interface ExecuteTaskInput {
  readonly executionId: string;
  readonly step: Step;
  readonly state: RunState;
}

/** What a task changes in the state, masked, and which case a SWITCH chose. */
export interface ExecuteTaskResult {
  readonly output?: Json;
  readonly context?: JsonObject;
  readonly chosen?: number;
}

/** How a run ended. */
export type Outcome =
  | { readonly phase: 'completed'; readonly output?: Json }
  | { readonly phase: 'failed'; readonly error: RunError }
  | { readonly phase: 'cancelled' };

export interface RunError {
  readonly type: string;
  readonly message: string;
}

export interface FinishInput {
  readonly executionId: string;
  readonly outcome: Outcome;
  /** The task that was running when a workflow did not complete. */
  readonly step?: Step;
}

export interface BeginAgentResult {
  readonly timeLimitSeconds: number;
}

/** What `runWorkflow` asks of a worker. */
export interface WorkflowActivities {
  beginWorkflow(executionId: string): Promise<Outline>;
  executeTask(input: ExecuteTaskInput): Promise<ExecuteTaskResult>;
  /** A WAIT is over. */
  completeWait(input: { readonly executionId: string; readonly step: Step }): Promise<void>;
  destroyContext(executionId: string): Promise<void>;
  finishWorkflow(input: FinishInput): Promise<void>;
}

/** What `runAgent` asks of a worker. */
export interface AgentActivities {
  beginAgent(executionId: string): Promise<BeginAgentResult>;
  converse(executionId: string): Promise<void>;
  destroyContext(executionId: string): Promise<void>;
  finishAgent(input: FinishInput): Promise<void>;
}
