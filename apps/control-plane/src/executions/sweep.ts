import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DomainError } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import { Limits } from '../limits';
import { Contexts } from './contexts';
import { Endings } from './endings';
import { PHASE } from './execution-kind';
import { ExecutionKinds } from './execution-kinds';
import type { ExecutionRow } from './execution-row';
import { ExecutionStore } from './executions.store';
import { TemporalRuns } from './temporal';

/** How many rows one replica settles at a time. */
const CONCURRENCY = 8;

/**
 * Settles what a crash left behind, and keeps the contexts of open runs alive. Any number of replicas may sweep: each
 * row is claimed by one of them, and every step may be repeated.
 */
@Injectable()
export class Sweep implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly store: ExecutionStore,
    private readonly runs: TemporalRuns,
    private readonly contexts: Contexts,
    private readonly endings: Endings,
    private readonly kinds: ExecutionKinds,
    private readonly limits: Limits,
    private readonly log: Logger,
  ) {}

  onModuleInit(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.sweep().finally(() => {
        this.schedule();
      });
    }, this.limits.sweepIntervalMs);
  }

  /** One round. A part that is down costs the round, not the sweep. */
  async sweep(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: CONCURRENCY }, () => this.settleOpen()));
      await this.destroyOrphans();
    } catch (error) {
      this.log.warn({ err: error }, 'the sweep was cut short');
    }
  }

  private async settleOpen(): Promise<void> {
    while (!this.stopped) {
      const now = new Date();
      const row = await this.store.claim(now, new Date(now.getTime() + this.limits.sweepIntervalMs));
      if (row === undefined) return;
      await this.settleAlone(row, now);
    }
  }

  /** One row's trouble is its own; a part that is down is everybody's. */
  private async settleAlone(row: ExecutionRow, now: Date): Promise<void> {
    try {
      await this.settle(row, now);
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unavailable') throw error;
      this.log.error({ err: error, execution: row._id }, 'the sweep cannot settle an execution');
    }
  }

  private async settle(row: ExecutionRow, now: Date): Promise<void> {
    const run = await this.runs.describe(row._id);
    switch (run.state) {
      case 'open':
        return this.keepAlive(row, now);
      case 'closed':
        return this.endClosed(row, run.as);
      case 'absent':
        return this.endAbsent(row, now);
    }
  }

  /** A run that Temporal says is open keeps its context, as long as a context may live at all. */
  private async keepAlive(row: ExecutionRow, now: Date): Promise<void> {
    if (row.step !== 'started' || row.missingSince !== undefined) await this.store.markStarted(row._id);
    if (now.getTime() >= row.createdAt.getTime() + this.limits.contextMaxLifetimeMs) return this.expire(row);
    const lease = this.limits.leaseEnd(row.createdAt, now);
    const left = (row.contextExpiresAt?.getTime() ?? 0) - now.getTime();
    const capped = row.contextExpiresAt !== undefined && row.contextExpiresAt >= lease;
    if (capped || left > this.limits.leaseMs - this.limits.renewAfterMs) return;
    if (await this.contexts.renew(row._id, lease))
      await this.store.mark(row._id, { contextExpiresAt: lease });
  }

  private async expire(row: ExecutionRow): Promise<void> {
    await this.runs.terminate(row._id, 'context expired');
    await this.end(row, PHASE.failed, 'context expired: the run is older than a context may become');
  }

  /** Closed without having said how: terminated, timed out by the server, or cut off before its last step. */
  private async endClosed(row: ExecutionRow, as: string): Promise<void> {
    if (as === 'CANCELLED') return this.end(row, PHASE.cancelled, '');
    await this.end(
      row,
      PHASE.failed,
      `the run was closed on Temporal (${as.toLowerCase().replaceAll('_', ' ')}) and did not say how it ended`,
    );
  }

  /**
   * No workflow. Where the start never came to asking for one, there will be none. Where it may have asked, the request
   * may still be on its way: only a second look, an interval later, is proof.
   */
  private async endAbsent(row: ExecutionRow, now: Date): Promise<void> {
    const reason =
      row.step === 'started' ? 'Temporal does not know the run any more' : 'start was interrupted';
    if (row.step === 'stored') return this.end(row, PHASE.failed, reason);
    if (row.missingSince === undefined) return this.store.mark(row._id, { missingSince: now });
    await this.end(row, PHASE.failed, reason);
  }

  private async end(row: ExecutionRow, phase: number, reason: string): Promise<void> {
    await this.kinds.use(row.kind, (kind) => this.endings.destroyAndEnd(kind, row._id, phase, reason));
    this.log.info({ execution: row._id, step: row.step, reason }, 'the sweep has ended an execution');
  }

  /** A context is made after its execution is stored: one without an open execution belongs to nobody. */
  private async destroyOrphans(): Promise<void> {
    const before = new Date(Date.now() - this.limits.startGraceMs);
    for await (const ids of this.contexts.madeBefore(before)) {
      const open = await this.store.openAmong(ids);
      for (const id of ids.filter((candidate) => !open.has(candidate))) {
        if (this.stopped) return;
        await this.contexts.destroy(id);
        this.log.info({ execution: id }, 'the sweep has destroyed a context without a run');
      }
    }
  }
}
