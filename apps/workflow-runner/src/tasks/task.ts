import type { Evaluator } from '../expression/evaluator';
import type { Json, JsonObject } from '../json';

/** What a task gets to work with, beside its own configuration. */
export interface TaskContext {
  readonly evaluator: Evaluator;
  /** Aborted when the run is cancelled or the worker stops. */
  readonly signal: AbortSignal;
}

/** What a task leaves behind, unmasked. */
export interface TaskResult {
  /** Absent, the last task's output stays. */
  readonly output?: Json;
  /** What it adds to the run's context. */
  readonly context?: JsonObject;
  /** The SWITCH's case that holds. A number, since a name could look like a secret and be masked on its way. */
  readonly chosen?: number;
}

/** Why places that end up in the history take no secret. */
export const KEPT = { refused: 'what it gives is kept in the run’s history' } as const;
