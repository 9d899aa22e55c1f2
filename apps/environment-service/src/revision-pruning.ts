import type { OnModuleDestroy } from '@nestjs/common';
import type { Logger } from '@stigmer/service';
import { Chores } from './chores';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentStore } from './environments.store';
import type { Pins } from './pins';
import type { RevisionStore } from './revisions.store';

export interface RevisionPruningOptions {
  readonly store: EnvironmentStore;
  readonly revisions: RevisionStore;
  readonly pins: Pins;
  /** So many of the newest versions of an environment stay, and those that something names. */
  readonly keep: number;
  readonly log: Logger;
}

/** One write in so many looks for what it may prune: most find nothing. */
const PRUNE_EVERY = 10;
const LIMITS = { atOnce: 2, waiting: 1_000 } as const;
/** As long as a call that is under way may take to end. */
const CLOSE_MS = 10_000;

/**
 * Forgets old versions, as the policy says and because of writes, but never while one waits: the control-plane has to
 * be asked what instances pin. What could not be pruned is left to a later write.
 */
export class RevisionPruning implements OnModuleDestroy {
  private readonly chores = new Chores((id) => this.prune(id), LIMITS);

  constructor(private readonly options: RevisionPruningOptions) {}

  /** Is told of each version that was written. */
  written({ _id, version }: Pick<EnvironmentDocument, '_id' | 'version'>): void {
    if (version.number > this.options.keep && version.number % PRUNE_EVERY === 0) this.chores.add(_id);
  }

  async onModuleDestroy(): Promise<void> {
    await this.chores.close(CLOSE_MS);
  }

  private async prune(id: string): Promise<void> {
    const { keep, revisions, store, pins, log } = this.options;
    try {
      // As it is now: what it names, and which of its versions are the newest, must be of the same moment.
      const document = await store.findById(id);
      if (document === undefined) return;
      const { lineage, version } = document;
      await revisions.prune(lineage, version.number - keep, await pins.of(document));
    } catch (error) {
      log.warn({ environment: id, err: error }, 'old revisions were not pruned');
    }
  }
}
