import type { CryptoHeader, KeyRing, KeyRingHolder } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { KeyedDocuments, LegacyCount, RewrapBatch, Verification } from '@stigmer/keys';
import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import { EnvironmentSecrets } from './environment-secrets';
import type { EnvironmentRow } from './environment-row';
import { verifyEnvironments } from './keys-verification';

/** Where a re-wrap has come to: everything under this key up to this id. Documents of earlier systems have no key. */
interface Position {
  readonly kid: string | null;
  readonly id: string;
}

type HeaderRow = Pick<EnvironmentRow, '_id' | 'org' | 'slug' | 'crypto'>;
type Update = mongo.AnyBulkWriteOperation<EnvironmentRow>;

const HEADER = { org: 1, slug: 1, crypto: 1 } as const;
const BY_KEY = { 'crypto.kid': 1, _id: 1 } as const;
const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/**
 * The environments, as their ring of keys sees them. Their revisions have no header of their own, so wherever a header
 * is counted or wrapped anew, they are counted and wrapped with it.
 */
export class KeyedEnvironments implements KeyedDocuments {
  private readonly rows: mongo.Collection<EnvironmentRow>;

  constructor(private readonly connection: Connection) {
    this.rows = connection.getClient().db(connection.name).collection<EnvironmentRow>('environments');
  }

  /** Asks for the gaps between the known keys: each is one short look into the index, however many documents there are. */
  async neededBeyond(known: readonly string[]): Promise<readonly string[]> {
    const sorted = [...known].sort();
    const gaps = ['', ...sorted].map((above, index) => ({ $gt: above, ...belowOf(sorted[index]) }));
    const found = await withMongo(() =>
      Promise.all(
        gaps.map((gap) => this.rows.findOne({ 'crypto.kid': gap }, { projection: { 'crypto.kid': 1 } })),
      ),
    );
    return found.flatMap((row) => row?.crypto?.kid ?? []);
  }

  total(): Promise<number> {
    return withMongo(() => this.rows.estimatedDocumentCount());
  }

  async countByKey(): Promise<ReadonlyMap<string, number>> {
    const groups = await withMongo(() =>
      this.rows
        .aggregate<{ readonly _id: string | null; readonly count: number }>(
          [{ $group: { _id: '$crypto.kid', count: { $sum: 1 } } }],
          { hint: BY_KEY },
        )
        .toArray(),
    );
    return new Map(groups.flatMap(({ _id, count }) => (_id === null ? [] : [[_id, count] as const])));
  }

  async countLegacy(): Promise<LegacyCount> {
    return withMongo(async () => {
      let documents = 0;
      let values = 0;
      for await (const row of this.rows.find({ 'crypto.kid': null }, { batchSize: 20 })) {
        documents++;
        values += Object.values(row.data).filter(({ is_secret }) => is_secret).length;
      }
      return { documents, values };
    });
  }

  /** Key by key, in the order of their ids, and those without one at last. */
  async rewrapBatch(
    ring: KeyRing,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<RewrapBatch> {
    const kids = [...ring.ids.filter((id) => id !== ring.active.id).sort(), null];
    const position = readPosition(after, kids);
    const found = await this.find(position, limit);
    const rewrapped =
      position.kid === null ? await this.convert(ring, found) : await this.rewrap(ring, found);
    const next =
      found.length === limit ? { ...position, id: found.at(-1)?._id ?? '' } : following(position, kids);
    return { ...rewrapped, ...(next && { next: writePosition(next) }) };
  }

  verify(keys: KeyRingHolder): AsyncIterable<Verification> {
    return verifyEnvironments(this.connection, keys);
  }

  private find({ kid, id }: Position, limit: number): Promise<readonly HeaderRow[]> {
    return withMongo(() =>
      this.rows
        .find({ 'crypto.kid': kid, _id: { $gt: id } })
        .project<HeaderRow>(HEADER)
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
    );
  }

  /** A header is replaced only as it was read: whoever wrote meanwhile has wrapped it himself. */
  private async rewrap(ring: KeyRing, found: readonly HeaderRow[]) {
    const headers = found.map((row) => rewrappedHeader(ring, row));
    const updates = found.flatMap(({ _id, crypto }, index): readonly Update[] => {
      const header = headers[index];
      if (header === undefined) return [];
      return [
        {
          updateOne: {
            filter: { _id, 'crypto.wdek': crypto?.wdek ?? null },
            update: { $set: { crypto: header } },
          },
        },
      ];
    });
    if (updates.length > 0) {
      await withMongo(() => this.rows.bulkWrite(updates, { ordered: false, ...MAJORITY }));
    }
    return { rewrapped: updates.length, failed: found.length - updates.length };
  }

  /** One by one, since these are read whole. The version stays, so what a client has read stays current. */
  private async convert(ring: KeyRing, found: readonly HeaderRow[]) {
    let failed = 0;
    for (const { _id } of found) {
      const row = await withMongo(() => this.rows.findOne({ _id, 'crypto.wdek': null }));
      const converted = row && convertedRow(ring, row);
      if (row && !converted) failed++;
      if (!row || !converted) continue;
      const unchanged = { _id, 'crypto.wdek': null, 'version.id': row.version.id };
      await withMongo(() => this.rows.updateOne(unchanged, { $set: converted }, MAJORITY));
    }
    return { rewrapped: found.length - failed, failed };
  }
}

function rewrappedHeader(ring: KeyRing, row: HeaderRow): CryptoHeader | undefined {
  return unlessSealed(() => EnvironmentSecrets.of(ring, row).header);
}

/** All of it or nothing: a document has one header, and it says the form of every value. */
function convertedRow(
  ring: KeyRing,
  row: EnvironmentRow,
): Pick<EnvironmentRow, 'crypto' | 'data'> | undefined {
  return unlessSealed(() => {
    const secrets = EnvironmentSecrets.of(ring, row);
    const data = Object.entries(row.data).map(
      ([name, variable]) =>
        [
          name,
          variable.is_secret ? { ...variable, value: secrets.keep(name, variable.value) } : variable,
        ] as const,
    );
    // A map, which BSON stores under exactly these keys whatever they are called.
    return { crypto: secrets.header, data: new Map(data) as unknown as EnvironmentRow['data'] };
  });
}

function unlessSealed<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'failed-precondition') return undefined;
    throw error;
  }
}

function belowOf(above: string | undefined) {
  return above === undefined ? {} : { $lt: above };
}

function readPosition(after: string, kids: readonly (string | null)[]): Position {
  if (after === '') return { kid: kids[0] ?? null, id: '' };
  const at = after.indexOf(' ');
  const kid = after.slice(0, at);
  return { kid: kid === '' ? null : kid, id: after.slice(at + 1) };
}

function writePosition({ kid, id }: Position): string {
  return `${kid ?? ''} ${id}`;
}

/** The next key, which may have been retired since, or none. */
function following({ kid }: Position, kids: readonly (string | null)[]): Position | undefined {
  const next = kid === null ? undefined : kids.find((other) => other === null || other > kid);
  return next === undefined ? undefined : { kid: next, id: '' };
}
