import type { KeyRing, KeyRingHolder } from '@stigmer/crypto';

/** The documents whose data keys a ring wraps: what the ring has to know of them, and do to them. */
export interface KeyedDocuments {
  /** Keys that a document needs and that are not among `known`; one of them is enough. A start asks, so it is quick. */
  neededBeyond(known: readonly string[]): Promise<readonly string[]>;
  /** How many documents there are to verify. */
  total(): Promise<number>;
  /** How many documents each key protects, by its id. Keys that protect none may be left out. */
  countByKey(): Promise<ReadonlyMap<string, number>>;
  /** Values in forms of earlier systems, which name no key, and how many documents hold them. */
  countLegacy(): Promise<LegacyCount>;
  /**
   * Brings the next `limit` documents after the position `after` (at first it is empty) that are not under the active
   * key of `ring` under it, and converts older forms; those under a key that `ring` does not have may be left out. Never
   * overwrites a concurrent write, and may be stopped and repeated at any point.
   */
  rewrapBatch(ring: KeyRing, batch: { readonly after: string; readonly limit: number }): Promise<RewrapBatch>;
  /** Brings everything under one key of `ring` under the active one: nothing, or very little. How many they were. */
  rewrapFrom(ring: KeyRing, id: string): Promise<number>;
  /** Opens every data key and every value, with the keys of the moment. The last message is the sum of it all. */
  verify(keys: KeyRingHolder): AsyncIterable<Verification>;
}

/** The ring for whoever writes: it wants to know which key was used, once the write is done. */
export interface WritingKeys extends KeyRingHolder {
  /** A key may have been retired while its write was under way: then what was written is brought under the active one. */
  written(id: string): Promise<void>;
}

export interface LegacyCount {
  readonly documents: number;
  readonly values: number;
  /** Documents without a MAC over the whole of them: these, and those that do name a key. */
  readonly withoutMac: number;
}

export interface RewrapBatch {
  readonly rewrapped: number;
  /** Could not be opened, and stay as they are. */
  readonly failed: number;
  /** The position to go on after; absent when nothing comes after this batch. */
  readonly next?: string;
}

/** How far a check has come: documents so far, and what was found since the message before. */
export interface Verification {
  readonly checked: number;
  readonly failures: readonly VerificationFailure[];
}

/** Something that does not open. */
export interface VerificationFailure {
  readonly documentId: string;
  /** Which value; empty where the whole document does not open. */
  readonly name: string;
  /** Names keys by their fingerprint and never quotes what is sealed. */
  readonly reason: string;
}
