import type { KeyRing } from '@stigmer/crypto';
import { type Connection, type Model, Schema } from 'mongoose';
import { isDuplicate, withMongo } from './mongo';

interface KeyRecord {
  readonly _id: string;
  readonly fingerprint: string;
}

const RECORD_ID = 'active';
const schema = new Schema(
  { _id: String, fingerprint: String },
  { versionKey: false, strict: 'throw', collection: 'key_ring' },
);

/**
 * Holds the configured keys against the fingerprint that this database remembers, and remembers the active key of
 * the first start and of each rotation. Throws, naming both fingerprints, when the remembered key is not configured:
 * what lies here could not be opened, and what would be written beside it could not be opened by its true owner.
 */
export async function verifyKeys(connection: Connection, ring: KeyRing): Promise<void> {
  const records = connection.model<KeyRecord>('KeyRecord', schema as unknown as Schema<KeyRecord>);
  const { id: fingerprint } = ring.active;
  const recorded = await withMongo(async () => (await firstRecord(records, fingerprint)) ?? fingerprint);
  ring.assertHolds(recorded);
  await withMongo(() => records.updateOne({ _id: RECORD_ID, fingerprint: recorded }, { fingerprint }));
}

// Of two replicas that start at once on an empty database, one inserts the record and the other one reads it.
async function firstRecord(records: Model<KeyRecord>, fingerprint: string): Promise<string | undefined> {
  try {
    await records.create([{ _id: RECORD_ID, fingerprint }]);
    return undefined;
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    return (await records.findById(RECORD_ID).lean<KeyRecord>())?.fingerprint;
  }
}
