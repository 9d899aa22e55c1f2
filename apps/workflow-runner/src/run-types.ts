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

/** A step that is done, as the execution's status will say; the output is masked. */
export interface FinishedStep {
  readonly step: Step;
  readonly completedAt: string;
  readonly output?: Json;
}

/** What the status says already and what it does not yet: status writes are coalesced across activities. */
export interface Progress {
  /** When the status was last written, in milliseconds since 1970. */
  readonly writtenAt: number;
  /** Done since then. */
  readonly held: readonly FinishedStep[];
}

/** What an activity of one step is given. */
export interface StepInput {
  readonly executionId: string;
  readonly step: Step;
  readonly progress: Progress;
}

export interface ExecuteTaskInput extends StepInput {
  readonly state: RunState;
}

/** What a task changes in the state, masked, and which case a SWITCH chose. */
export interface TaskChange {
  readonly output?: Json;
  readonly context?: JsonObject;
  readonly chosen?: number;
}

export interface ExecuteTaskResult extends TaskChange {
  readonly progress: Progress;
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
}

export interface FinishWorkflowInput extends FinishInput {
  /** Done, and not written yet. */
  readonly held: readonly FinishedStep[];
  /** The task that was running when the workflow did not complete. */
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
  completeWait(input: StepInput): Promise<Progress>;
  destroyContext(executionId: string): Promise<void>;
  finishWorkflow(input: FinishWorkflowInput): Promise<void>;
}

/** What `runAgent` asks of a worker. */
export interface AgentActivities {
  beginAgent(executionId: string): Promise<BeginAgentResult>;
  converse(executionId: string): Promise<void>;
  destroyContext(executionId: string): Promise<void>;
  finishAgent(input: FinishInput): Promise<void>;
}
