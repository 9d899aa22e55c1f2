import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, failedPrecondition } from '@stigmer/domain';
import type { KeyedDocuments } from './keyed-documents';
import type { KeyRecord, KeyRecords } from './key-record';
import type { ReplicaBeat } from './replica-beats';

export interface RetirementOptions {
  readonly records: KeyRecords;
  readonly documents: KeyedDocuments;
  /** The live replicas of this moment, this one among them. */
  readonly replicas: () => Promise<readonly ReplicaBeat[]>;
  readonly settleMs: number;
}

const PAUSE_MS = 200;

/**
 * Marks a key as retired, once nothing needs it. It is announced first, which ends its way back to being active, and
 * then every replica has to say, after the announcement, that it wraps with another key: what is counted after that
 * does not grow any more.
 */
export async function retire(id: string, record: KeyRecord, options: RetirementOptions): Promise<void> {
  const { records, documents } = options;
  if (record.active === id) {
    throw failedPrecondition(`the key ${id} is the active one: promote another key first`);
  }
  await assertUnneeded(id, documents);
  if (!(await records.announceRetirement(id))) throw overtaken(id);
  try {
    await settle(id, options);
    await assertUnneeded(id, documents);
  } catch (error) {
    await records.cancelRetirement(id);
    throw error;
  }
  if (!(await records.retire(id))) throw overtaken(id);
}

/**
 * For a key that is marked and that nobody wraps with any more. Where something needs it after all, the mark that was
 * just made is taken back; an older one stays, and so does the key.
 */
export async function assertUnneededForGood(
  id: string,
  justMarked: boolean,
  { records, documents }: Pick<RetirementOptions, 'records' | 'documents'>,
): Promise<void> {
  try {
    await assertUnneeded(id, documents);
  } catch (error) {
    const needed = error instanceof DomainError && error.kind === 'failed-precondition';
    if (needed && justMarked) await records.takeBack(id);
    throw error;
  }
}

async function assertUnneeded(id: string, documents: KeyedDocuments): Promise<void> {
  const [counts, legacy] = await Promise.all([documents.countByKey(), documents.countLegacy()]);
  const count = counts.get(id) ?? 0;
  if (count > 0) {
    throw failedPrecondition(`the key ${id} is needed by ${counted(count, 'document')}: re-wrap first`);
  }
  if (legacy.values > 0) {
    throw failedPrecondition(
      `the key ${id} may be needed by ${counted(legacy.values, 'value')} in older forms, which name no key: re-wrap first`,
    );
  }
}

/** Waits for a beat of every replica that was made after the announcement. A dead one stops counting by itself. */
async function settle(id: string, { replicas, settleMs }: RetirementOptions): Promise<void> {
  const waiting = new Map((await replicas()).map(({ _id, seen_at }) => [_id, seen_at]));
  const deadline = Date.now() + settleMs;
  for (;;) {
    const live = await replicas();
    const wrapping = live.filter(({ active }) => active === id);
    const silent = live.filter(({ _id, seen_at }) => waiting.get(_id)?.getTime() === seen_at.getTime());
    if (wrapping.length === 0 && silent.length === 0) return;
    if (Date.now() > deadline) {
      const names = [...new Set([...wrapping, ...silent].map(({ _id }) => _id))].join(', ');
      throw failedPrecondition(`the key ${id} may still be in use by the replicas ${names}: try again`);
    }
    await sleep(PAUSE_MS);
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function overtaken(id: string) {
  return failedPrecondition(`the key ${id} was promoted meanwhile`);
}
