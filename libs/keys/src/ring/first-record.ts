import type { KeyedDocuments } from './keyed-documents';
import type { KeyRecord, KeyRecords } from './key-record';
import type { KnownKeys } from './known-keys';
import { assertHeld } from './ring-state';

/**
 * The record that this process starts from: the stored one, an earlier version's carried over, or in a database
 * without any, a new one. Before anything is written, the keys are held against what the documents need: a key
 * retired too early, or a database restored in part, is better found now than at a run.
 */
export async function firstRecord(parts: {
  readonly known: KnownKeys;
  readonly records: KeyRecords;
  readonly documents: KeyedDocuments;
}): Promise<KeyRecord> {
  const { known, records, documents } = parts;
  assertHeld(await documents.neededBeyond(known.all.map(({ id }) => id)), known.all);
  const stored = await records.find();
  if (stored !== undefined) return stored;
  const earlier = await records.findEarlier();
  if (earlier !== undefined) assertHeld([earlier], known.all);
  return records.create(earlier ?? (await firstKey(known)));
}

/** A source that makes its own keys, and has none yet, makes the first one. */
async function firstKey(known: KnownKeys): Promise<string> {
  const first = known.all[0];
  if (first !== undefined) return first.id;
  const source = known.sources.find(({ writable }) => writable) ?? known.sources[0];
  if (source === undefined) throw new Error('a key ring without a source of keys');
  const { id } = await source.add();
  await known.load();
  return id;
}
