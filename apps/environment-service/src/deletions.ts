import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentStore } from './environments.store';
import type { RevisionStore } from './revisions.store';

/** That an environment is about to be deleted: whose revisions have to go with it. */
interface Deletion {
  /** The lineage of its revisions. */
  readonly _id: string;
  readonly environment: string;
  readonly at: Date;
}

/** A write that was under way during a deletion has failed by then, and leaves nothing behind any more. */
const SETTLED_MS = 60_000;
const FINISHED_AT_ONCE = 100;
const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/**
 * Deletes environments with all their revisions. The document goes in one write, and with it the only copy of the
 * data key of its revisions: from then on they are unreadable, the environment is gone for everybody, and its slug is
 * free. What was written down before sees to it that they are removed too, whoever is interrupted.
 */
export class Deletions {
  private readonly rows: mongo.Collection<Deletion>;

  constructor(
    connection: Connection,
    private readonly environments: EnvironmentStore,
    private readonly revisions: RevisionStore,
  ) {
    this.rows = connection.getClient().db(connection.name).collection<Deletion>('deletions');
  }

  /** Deletes this environment; undefined when it was not there any more. */
  async delete(document: EnvironmentDocument): Promise<EnvironmentDocument | undefined> {
    await this.announce(document);
    const removed = await this.environments.remove(document);
    if (removed !== undefined) await this.revisions.removeAll(document.lineage);
    await this.finish();
    return removed;
  }

  /** The first step. By itself it deletes nothing. */
  async announce({ lineage, _id: environment }: EnvironmentDocument, at = new Date()): Promise<void> {
    await withMongo(() =>
      this.rows.updateOne({ _id: lineage }, { $set: { environment, at } }, { upsert: true, ...MAJORITY }),
    );
  }

  /** Removes what interrupted deletions left, and what writes left that were under way during a deletion. */
  async finish(): Promise<void> {
    const settled = { at: { $lt: new Date(Date.now() - SETTLED_MS) } };
    const pending = await withMongo(() => this.rows.find(settled).limit(FINISHED_AT_ONCE).toArray());
    for (const { _id: lineage, environment } of pending) {
      // Announced and then not done: an environment that is there is nobody's to delete here.
      const alive = (await this.environments.findById(environment))?.lineage === lineage;
      if (!alive) await this.revisions.removeAll(lineage);
      await withMongo(() => this.rows.deleteOne({ _id: lineage }));
    }
  }
}
