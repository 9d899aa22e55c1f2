import type { KeyedDocuments } from './keyed-documents';
import type { KeyRecord, RewrapRecord } from './key-record';
import type { ReplicaBeat } from './replica-beats';

/** What a key is for: it wraps, it only unwraps, it is needed and not here, it is over. */
export type KeyState = 'active' | 'standby' | 'missing' | 'retired';

export interface KeyStatus {
  readonly id: string;
  readonly state: KeyState;
  /** That need it. */
  readonly documents: number;
  readonly addedAt?: Date;
  readonly promotedAt?: Date;
  readonly retiredAt?: Date;
  /** How many of the live replicas hold it. */
  readonly holders: number;
}

/** The keys of one ring, and what depends on each. */
export interface RingStatus {
  readonly ring: 'environment' | 'context';
  readonly sources: readonly string[];
  /** The active one first, then the newest first. */
  readonly keys: readonly KeyStatus[];
  readonly documents: number;
  readonly legacyValues: number;
  readonly documentsWithoutMac: number;
  readonly rewrap?: RewrapRecord;
  readonly replicas: readonly ReplicaBeat[];
}

/** What the record, the replicas and the documents say of a ring at one time. */
export async function statusOf(parts: {
  readonly ring: RingStatus['ring'];
  readonly sources: readonly { readonly name: string }[];
  readonly documents: KeyedDocuments;
  readonly record: KeyRecord;
  readonly replicas: readonly ReplicaBeat[];
  readonly holds: (id: string) => boolean;
}): Promise<RingStatus> {
  const { ring, sources, documents, record, replicas } = parts;
  const [counts, legacy] = await Promise.all([documents.countByKey(), documents.countLegacy()]);
  const ids = [...new Set([...Object.keys(record.keys), ...counts.keys()])];
  const keys = ids.map((id): KeyStatus => {
    const entry = record.keys[id];
    const needed = counts.get(id) ?? 0;
    return {
      ...{ id, state: stateOf(id, parts, needed), documents: needed },
      ...{ addedAt: entry?.added_at, promotedAt: entry?.promoted_at, retiredAt: entry?.retired_at },
      holders: replicas.filter((replica) => replica.ids.includes(id)).length,
    };
  });
  return {
    ...{ ring, sources: sources.map(({ name }) => name), replicas, rewrap: record.rewrap },
    ...{
      keys: keys.sort(activeThenNewest),
      documents: sum([legacy.documents, ...counts.values()]),
      legacyValues: legacy.values,
      documentsWithoutMac: legacy.withoutMac,
    },
  };
}

function stateOf(
  id: string,
  { record, holds }: { readonly record: KeyRecord; readonly holds: (id: string) => boolean },
  needed: number,
): KeyState {
  if (record.keys[id]?.retired_at !== undefined) return needed > 0 ? 'missing' : 'retired';
  if (!holds(id) && (needed > 0 || id === record.active)) return 'missing';
  return id === record.active ? 'active' : 'standby';
}

/** The sum of some counts. */
export function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0);
}

function activeThenNewest(left: KeyStatus, right: KeyStatus): number {
  if ((left.state === 'active') !== (right.state === 'active')) return left.state === 'active' ? -1 : 1;
  return (right.addedAt?.getTime() ?? 0) - (left.addedAt?.getTime() ?? 0);
}
