import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument, StoredImport } from './environment-document';
import { type Extent, fromContentRow, type MapsOfContent, NO_DATA, projectionOf } from './environment-row';
import type { EnvironmentSecrets } from './environment-secrets';
import { asItWas, namedOf, outgoing, type RevisionDocument, type RevisionSummary } from './revision-document';

/** A revision as it comes back from the database. */
export type RevisionRow = Omit<RevisionDocument, keyof MapsOfContent> &
  MapsOfContent & {
    /** Until then no pruning takes it: it is about to get a tag. */
    readonly kept_until?: Date;
  };

/** Which version of which environment: by its id or by its number. */
export type RevisionKey = { readonly lineage: string } & (
  { readonly id: string } | { readonly number: number }
);

/** Versions of one environment that no pruning takes. */
export interface Kept {
  readonly ids: readonly string[];
  readonly numbers: readonly number[];
}

export const REVISIONS = 'revisions';

/** Revisions that are read, and given a MAC, at once. */
const STEP = 20;
/** A page of a history is cut at this many names of variables, so that it always fits into one message. */
const PAGE_NAMES = 10_000;
/** Longer than any request takes. */
const HOLD_MS = 60_000;
const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/**
 * The versions of environments that are no longer current, each one written once and never changed. Ciphertext only,
 * and not the key to it.
 */
export class RevisionStore {
  private readonly rows: mongo.Collection<RevisionRow>;

  constructor(connection: Connection) {
    this.rows = connection.getClient().db(connection.name).collection<RevisionRow>(REVISIONS);
  }

  /** Creates the index: no environment has two versions of one number. */
  async prepare(): Promise<void> {
    await withMongo(() =>
      this.rows.createIndexes([{ key: { lineage: 1, 'version.number': -1 }, unique: true }]),
    );
  }

  /** All of these at once, each by its index, in any order and with others among them; what is not there is left out. */
  async findAll(
    keys: readonly RevisionKey[],
    extent: Extent = 'whole',
  ): Promise<readonly RevisionDocument[]> {
    if (keys.length === 0) return [];
    const ids = keys.flatMap((key) => ('id' in key ? [key.id] : []));
    const numbered = Map.groupBy(
      keys.filter((key) => 'number' in key),
      ({ lineage }) => lineage,
    );
    const filters = [
      ...(ids.length === 0 ? [] : [{ _id: { $in: ids } }]),
      ...[...numbered].map(([lineage, of]) => ({
        lineage,
        'version.number': { $in: of.map(({ number }) => number) },
      })),
    ];
    const found = await withMongo(() =>
      Promise.all(filters.map((filter) => this.rows.find(filter, projectionOf(extent)).toArray())),
    );
    return found.flat().map((row) => fromRow({ ...NO_DATA, ...row }));
  }

  /** The versions below a number, the newest first, without what they hold. */
  async page(
    lineage: string,
    below: number,
    size: number,
  ): Promise<{ readonly items: readonly RevisionSummary[]; readonly more: boolean }> {
    return withMongo(async () => {
      const items: RevisionSummary[] = [];
      let names = 0;
      const cursor = this.rows
        .find({ lineage, 'version.number': { $lt: below } }, { batchSize: 100 })
        .project<RevisionSummary>({ version: 1, changes: 1, written: 1 })
        .sort({ 'version.number': -1 })
        .limit(size + 1);
      for await (const { version, changes, written } of cursor) {
        if (items.length === size || names > PAGE_NAMES) return { items, more: true };
        items.push({ version, changes, written });
        names += changes.added.length + changes.changed.length + changes.removed.length;
      }
      return { items, more: false };
    });
  }

  /** What the earlier versions of these environments import, which is read without all the rest. */
  async importsOf(lineages: readonly string[]): Promise<readonly StoredImport[]> {
    if (lineages.length === 0) return [];
    const filter = { lineage: { $in: [...lineages] } };
    const only = { projection: { imports: 1 } };
    const rows = await withMongo(() => this.rows.find(filter, only).toArray());
    return rows.flatMap(({ imports = [] }) => imports);
  }

  /** Keeps a revision from being pruned for as long as it takes to tag it; false when it is gone already. */
  async hold(id: string): Promise<boolean> {
    const kept_until = new Date(Date.now() + HOLD_MS);
    const { matchedCount } = await withMongo(() =>
      this.rows.updateOne({ _id: id }, { $set: { kept_until } }, MAJORITY),
    );
    return matchedCount === 1;
  }

  /** Forgets the versions up to a number, but for these; how many they were. */
  async prune(lineage: string, upTo: number, { ids, numbers }: Kept): Promise<number> {
    const filter = {
      lineage,
      'version.number': { $lte: upTo, $nin: [...numbers] },
      _id: { $nin: [...ids] },
      kept_until: { $not: { $gt: new Date() } },
    };
    return (await withMongo(() => this.rows.deleteMany(filter, MAJORITY))).deletedCount;
  }

  /**
   * Gives the earlier versions of an environment a MAC that have none, before its header says that all of it has one:
   * from then on, one without is refused. Whoever is interrupted, or is not alone, does the same once more.
   */
  async seal(document: EnvironmentDocument, secrets: EnvironmentSecrets): Promise<void> {
    if (secrets.macs) return;
    for (;;) {
      const bare = { lineage: document.lineage, mac: { $exists: false } };
      const rows = await withMongo(() => this.rows.find(bare).limit(STEP).toArray());
      if (rows.length === 0) return;
      const updates = rows.map((row) => {
        const mac = secrets.macOf(asItWas(document, fromRow(row)));
        const update = { $set: { mac, named: namedOf(row.named ?? document) } };
        return { updateOne: { filter: { _id: row._id, mac: { $exists: false } }, update } };
      });
      await withMongo(() => this.rows.bulkWrite(updates, { ordered: false, ...MAJORITY }));
    }
  }

  async removeAll(lineage: string): Promise<void> {
    await withMongo(() => this.rows.deleteMany({ lineage }, MAJORITY));
  }
}

/** What the database keeps of the version that an environment has now. Maps, as in the environment itself. */
export function outgoingRow(document: EnvironmentDocument): RevisionRow {
  return outgoing(document) as unknown as RevisionRow;
}

/** The revision that a row holds. */
export function fromRow(row: RevisionRow): RevisionDocument {
  return { ...row, ...fromContentRow(row) };
}
