import { type CryptoHeader, HEADER_VERSION, type KeyRing, type KeyRingHolder } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { KeyedDocuments, LegacyCount, RewrapBatch, Verification } from '@stigmer/keys';
import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument } from './environment-document';
import { EnvironmentSecrets } from './environment-secrets';
import { type EnvironmentRow, fromRow } from './environment-row';
import { verifyEnvironments } from './keys-verification';
import { RevisionStore } from './revisions.store';
import { renewVariables } from './variables';

/**
 * Where a re-wrap has come to: everything under this key up to this id; of the active key, everything in an older form.
 * Documents of earlier systems have no key.
 */
interface Position {
  readonly kid: string | null;
  readonly id: string;
}

type HeaderRow = Pick<EnvironmentRow, '_id' | 'org' | 'slug' | 'crypto'>;
type Update = mongo.AnyBulkWriteOperation<EnvironmentRow>;

/** So many at once where a few are looked for. */
const STEP = 100;
const HEADER = { org: 1, slug: 1, crypto: 1 } as const;
const BY_KEY = { 'crypto.kid': 1, _id: 1 } as const;
const WITHOUT_MAC = { 'crypto.v': HEADER_VERSION.plain } as const;
const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/**
 * The environments, as their ring of keys sees them. Their revisions have no header of their own, so wherever a header
 * is counted or wrapped anew, they are counted and wrapped with it.
 */
export class KeyedEnvironments implements KeyedDocuments {
  private readonly rows: mongo.Collection<EnvironmentRow>;
  private readonly revisions: RevisionStore;

  constructor(private readonly connection: Connection) {
    this.revisions = new RevisionStore(connection);
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
      const named = await this.rows.countDocuments(WITHOUT_MAC);
      let documents = 0;
      let values = 0;
      for await (const row of this.rows.find({ 'crypto.kid': null }, { batchSize: 20 })) {
        documents++;
        values += Object.values(row.data).filter(({ is_secret }) => is_secret).length;
      }
      return { documents, values, withoutMac: documents + named };
    });
  }

  /** Key by key, in the order of their ids, and those without one at last. */
  async rewrapBatch(
    ring: KeyRing,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<RewrapBatch> {
    const kids = [...[...ring.ids].sort(), null];
    const position = readPosition(after, kids);
    const found = await this.find(position, ring.active.id, limit);
    const rewrapped = await this.renew(ring, found);
    const next =
      found.length === limit ? { ...position, id: found.at(-1)?._id ?? '' } : following(position, kids);
    return {
      rewrapped,
      failed: found.length - rewrapped,
      ...(next && { next: writePosition(next) }),
    };
  }

  async rewrapFrom(ring: KeyRing, kid: string): Promise<number> {
    let [done, id] = [0, ''];
    for (;;) {
      const found = await this.find({ kid, id }, ring.active.id, STEP);
      done += await this.renew(ring, found);
      if (found.length < STEP) return done;
      id = found.at(-1)?._id ?? '';
    }
  }

  verify(keys: KeyRingHolder): AsyncIterable<Verification> {
    return verifyEnvironments(this.connection, keys);
  }

  private find({ kid, id }: Position, active: string, limit: number): Promise<readonly HeaderRow[]> {
    const older = kid === active ? WITHOUT_MAC : {};
    return withMongo(() =>
      this.rows
        .find({ 'crypto.kid': kid, ...older, _id: { $gt: id } })
        .project<HeaderRow>(HEADER)
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
    );
  }

  /** Brings these under the active key, and to the form of now; how many they were. */
  private async renew(ring: KeyRing, found: readonly HeaderRow[]): Promise<number> {
    const rewrapped = await this.rewrap(ring, found.filter(hasMac));
    const older = found.filter((row) => !hasMac(row));
    return rewrapped + (await this.convert(ring, older));
  }

  /** A header is replaced only as it was read: whoever wrote meanwhile has wrapped it himself. */
  private async rewrap(ring: KeyRing, found: readonly HeaderRow[]): Promise<number> {
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
    return updates.length;
  }

  private async convert(ring: KeyRing, found: readonly HeaderRow[]): Promise<number> {
    let done = 0;
    for (const row of found) {
      const failed = await this.convertOne(ring, row).catch(failureOf);
      if (failed === undefined) done++;
    }
    return done;
  }

  /**
   * Read whole, and all of its versions with it. The version stays, so what a client has read stays current; and where
   * another write comes first, that one has done it.
   */
  private async convertOne(ring: KeyRing, { _id, crypto }: HeaderRow): Promise<undefined> {
    const asFound = { _id, 'crypto.wdek': crypto?.wdek ?? null };
    const row = await withMongo(() => this.rows.findOne(asFound));
    if (row === null) return;
    const document = fromRow(row);
    const secrets = EnvironmentSecrets.of(ring, document);
    const data = renewVariables(document.data, new Map(), secrets);
    const converted = secrets.sealed({ ...document, data });
    await this.revisions.seal(converted, secrets);
    const unchanged = { ...asFound, 'version.id': row.version.id };
    await withMongo(() => this.rows.updateOne(unchanged, { $set: formOf(converted) }, MAJORITY));
  }
}

function hasMac({ crypto }: HeaderRow): boolean {
  return crypto?.v === HEADER_VERSION.withMac;
}

function rewrappedHeader(ring: KeyRing, row: HeaderRow): CryptoHeader | undefined {
  try {
    return EnvironmentSecrets.unchecked(ring, row).header;
  } catch (error) {
    failureOf(error);
    return undefined;
  }
}

/** All of it or nothing: a document has one header, and it says the form of every value, and that there is a MAC. */
function formOf({ crypto, mac, data }: EnvironmentDocument): Partial<EnvironmentRow> {
  // A map, which BSON stores under exactly these keys whatever they are called.
  return { crypto, mac, data: data as unknown as EnvironmentRow['data'] };
}

/** What does not open stays as it is, and is counted. */
function failureOf(error: unknown): DomainError {
  if (error instanceof DomainError && error.kind === 'failed-precondition') return error;
  throw error;
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
