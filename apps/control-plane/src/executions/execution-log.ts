import type { Caller, Logger } from '@stigmer/service';
import type { ExecutionRow } from './execution-row';

/** What callers did to executions, one line each: ids, and nothing of what a run is given. */
export class ExecutionLog {
  constructor(private readonly log: Logger) {}

  created({ _id, org, template }: ExecutionRow, { actor }: Caller): void {
    this.log.info({ execution: _id, org, template, actor }, 'execution created');
  }

  cancelled({ _id, org }: ExecutionRow, { actor }: Caller): void {
    this.log.info({ execution: _id, org, actor }, 'cancellation of an execution requested');
  }

  deleted({ _id, org }: ExecutionRow, { actor }: Caller): void {
    this.log.info({ execution: _id, org, actor }, 'execution deleted');
  }
}
