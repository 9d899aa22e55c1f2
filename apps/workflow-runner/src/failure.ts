import type { Outcome } from './run-types';

/**
 * The one error a task or an agent fails with on purpose. `type` is for programs (a later TRY matches on it), the message for people.
 * Its message may still quote a secret (a server's stderr, say): it is masked where it leaves the activity, in `secrets.ts`.
 */
export class TaskFailure extends Error {
  readonly type: FailureType | (string & {});
  /** Whether a second attempt may succeed: a dead service, a full queue. */
  readonly retryable: boolean;

  constructor(type: FailureType | (string & {}), message: string, { retryable = false } = {}) {
    super(message);
    this.name = 'TaskFailure';
    this.type = type;
    this.retryable = retryable;
  }
}

/** The types this runner raises itself; RAISE adds names of the workflow's own. */
export type FailureType =
  | 'ExpressionFailed'
  | 'SecretRefused'
  | 'InvalidTask'
  | 'HttpFailed'
  | 'AnswerTooLarge'
  | 'StateTooLarge'
  | 'McpServerFailed'
  | 'McpToolFailed'
  | 'ModelFailed'
  | 'LimitReached'
  | 'ContextGone'
  | 'WorkflowIdMismatch'
  | 'Unavailable'
  | 'Internal';

/** What a log line says of a run's end: no message, which may quote an answer of somebody's. */
export function endOf(outcome: Outcome): { readonly phase: Outcome['phase']; readonly failure?: string } {
  return outcome.phase === 'failed'
    ? { phase: outcome.phase, failure: outcome.error.type }
    : { phase: outcome.phase };
}
