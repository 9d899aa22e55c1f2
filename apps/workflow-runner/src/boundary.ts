import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { DomainError, WORKFLOW_TYPES } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import { TaskFailure } from './failure';

const HEARTBEAT_MS = 5_000;
/** What people read; the rest of a long answer helps nobody. Cut after masking, so that no half secret is left. */
const MESSAGE_LENGTH = 4_000;
/** A dead HTTP server or model is tried so often; a dead service of ours as often as the workflow's policy allows. */
const ATTEMPTS = 5;
const OUR_TYPES: ReadonlySet<string> = new Set(Object.values(WORKFLOW_TYPES));
const RETRYABLE_KINDS: ReadonlySet<string> = new Set(['unavailable', 'resource-exhausted', 'aborted']);

/**
 * The way in and out of every activity. Nobody's work but ours is begun, and a run's for that run alone. It heartbeats (without details), and turns whatever was thrown into a failure that
 * carries a type and a masked message: no stack, no cause, no other property, since all of them end up in the history.
 */
export class Boundary implements ActivityInboundCallsInterceptor {
  readonly #context: Context;
  readonly #log: Logger;

  constructor(context: Context, log: Logger) {
    this.#context = context;
    this.#log = log;
  }

  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    const heart = setInterval(() => {
      this.#context.heartbeat();
    }, HEARTBEAT_MS);
    try {
      this.#refuseForeign(input.args);
      return await next(input);
    } catch (error) {
      throw withoutStack(this.#toFailure(error));
    } finally {
      clearInterval(heart);
    }
  }

  /**
   * Whoever may start workflows at Temporal may also ask for our activities, with any argument: a workflow of theirs
   * must not open another run's context. Ours have their execution's id.
   */
  #refuseForeign([argument]: readonly unknown[]): void {
    const { workflowExecution, workflowType } = this.#context.info;
    const id = executionIdOf(argument);
    if (id !== undefined && id === workflowExecution?.workflowId && OUR_TYPES.has(workflowType ?? '')) return;
    throw new TaskFailure('WorkflowIdMismatch', 'an activity is refused that is not of its own run');
  }

  #toFailure(error: unknown): ApplicationFailure | CancelledFailure {
    const { cancellationSignal, cancellationDetails, info } = this.#context;
    if (cancellationSignal.aborted) {
      return cancellationDetails?.workerShutdown === true
        ? ApplicationFailure.retryable('the worker is stopping', 'Unavailable')
        : new CancelledFailure('cancelled');
    }
    if (error instanceof ApplicationFailure) return error;
    const known = asTaskFailure(error);
    if (known !== undefined) return toApplicationFailure(known, info.attempt, (text) => text);
    return this.#internal(error);
  }

  /** An error nobody foresaw may say anything, even in its name: the log gets where it was thrown, the history an id. */
  #internal(error: unknown): ApplicationFailure {
    const id = randomUUID();
    const frames =
      error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
    const { activityType, workflowExecution } = this.#context.info;
    this.#log.error(
      { id, activity: activityType, execution: workflowExecution?.workflowId, frames },
      'internal error',
    );
    const retryable = this.#context.info.attempt < ATTEMPTS;
    return ApplicationFailure.create({
      message: `internal error (${id})`,
      type: 'Internal',
      nonRetryable: !retryable,
    });
  }
}

/** Every activity of ours is given an execution's id, alone or as a field. */
function executionIdOf(argument: unknown): string | undefined {
  const id =
    typeof argument === 'object' && argument !== null && 'executionId' in argument
      ? argument.executionId
      : argument;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** A known failure as Temporal keeps it; masked first, then cut. */
export function toApplicationFailure(
  failure: TaskFailure,
  attempt: number,
  mask: (text: string) => string,
): ApplicationFailure {
  const limit = failure.type === 'Unavailable' ? Infinity : ATTEMPTS;
  return ApplicationFailure.create({
    message: mask(failure.message).slice(0, MESSAGE_LENGTH),
    type: mask(failure.type),
    nonRetryable: !(failure.retryable && attempt < limit),
  });
}

/** What a service of ours answers, in a task's terms; undefined for errors that nobody foresaw. */
export function asTaskFailure(error: unknown): TaskFailure | undefined {
  if (error instanceof TaskFailure) return error;
  if (!(error instanceof DomainError)) return undefined;
  if (RETRYABLE_KINDS.has(error.kind))
    return new TaskFailure('Unavailable', error.message, { retryable: true });
  return new TaskFailure(error.kind, error.message);
}

function withoutStack<E extends Error>(error: E): E {
  error.stack = '';
  return error;
}
