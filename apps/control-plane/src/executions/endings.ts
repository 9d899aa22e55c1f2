import { Injectable } from '@nestjs/common';
import { statusWritten } from '../resources/audit';
import { Contexts } from './contexts';
import { type Execution, type ExecutionKind, isTerminal, PHASE } from './execution-kind';
import { ExecutionStore } from './executions.store';

/** Ends an execution from here, where its run does not do it itself. */
@Injectable()
export class Endings {
  constructor(
    private readonly store: ExecutionStore,
    private readonly contexts: Contexts,
  ) {}

  /** The context first: an execution that says it has ended keeps no secret. */
  async destroyAndEnd<E extends Execution>(
    kind: ExecutionKind<E>,
    id: string,
    phase: number,
    reason: string,
  ): Promise<E> {
    await this.contexts.destroy(id);
    return this.end(kind, id, phase, reason);
  }

  /** A terminal phase is final: the end of an execution that has ended changes nothing. */
  async end<E extends Execution>(
    kind: ExecutionKind<E>,
    id: string,
    phase: number,
    reason: string,
  ): Promise<E> {
    return this.store.modify(kind, id, (execution) => {
      const status: NonNullable<E['status']> = execution.status ?? kind.newStatus(id);
      if (isTerminal(status.phase)) return false;
      status.phase = phase;
      if (phase === PHASE.failed) status.error = reason;
      status.completedAt = new Date().toISOString();
      status.audit = statusWritten(status.audit, { actor: 'control-plane', at: new Date() });
      execution.status = status;
      return true;
    });
  }
}
