import {
  createDataKey,
  type CryptoHeader,
  type KeyEncryptionKey,
  type KeyRing,
  openDataKey,
  type Place,
  rewrap,
} from '@stigmer/crypto';
import type { Epoch } from './epoch';

/** An epoch's key as it lies in the database. */
export interface EpochKeyDocument {
  /** The epoch. */
  readonly _id: string;
  readonly ends_at: Date;
  readonly deadline: Date;
  /** Wrapped by a key of the context ring. Unset first when the epoch's key is destroyed. */
  readonly crypto: CryptoHeader;
}

/** An epoch's key in memory. */
export interface EpochKey {
  readonly epoch: Epoch;
  readonly key: KeyEncryptionKey;
}

/** No key of a ring has an id like this: those are hexadecimal. */
export const EPOCH_KEY_PREFIX = 'epoch-';
const KIND = 'epoch-key';

/** Whether the data key of a context with this `kid` is wrapped by an epoch's key; if not, by a key of the ring itself. */
export function isEpochKeyId(kid: string): boolean {
  return kid.startsWith(EPOCH_KEY_PREFIX);
}

/**
 * The id that contexts know the key by. It follows from the commitment, which a re-wrap keeps and which no other key
 * has, so that a second key for the same hour is never taken for the first one.
 */
export function epochKeyId({ _id, crypto }: Pick<EpochKeyDocument, '_id' | 'crypto'>): string {
  const commitment = Buffer.from(crypto.commitment, 'base64').subarray(0, 8).toString('hex');
  return `${EPOCH_KEY_PREFIX}${_id}-${commitment}`;
}

/** A random key for an epoch, wrapped. The times are authenticated with it: nobody who lacks the ring prolongs its life. */
export function createEpochKey(ring: KeyRing, { id, endsAt, deadline }: Epoch): EpochKeyDocument {
  const times = { _id: id, ends_at: endsAt, deadline };
  return { ...times, crypto: createDataKey(ring, placeOf(times), boundOf(times)).header };
}

/** Throws a CryptoError for what was altered or put in another epoch's place, or when the ring lacks the key. */
export function openEpochKey(ring: KeyRing, document: EpochKeyDocument): EpochKey {
  const { key } = openDataKey(ring, placeOf(document), document.crypto, boundOf(document));
  const { _id: id, ends_at: endsAt, deadline } = document;
  return { epoch: { id, endsAt, deadline }, key: { id: epochKeyId(document), key } };
}

/** The same key under the active key of the ring. */
export function rewrapEpochKey(ring: KeyRing, document: EpochKeyDocument): CryptoHeader {
  const bound = boundOf(document);
  return rewrap(ring, placeOf(document), document.crypto, { from: bound, to: bound });
}

type Times = Omit<EpochKeyDocument, 'crypto'>;

function placeOf({ _id: id }: Times): Place {
  return { kind: KIND, org: '', id };
}

function boundOf({ ends_at, deadline }: Times): readonly string[] {
  return [ends_at.toISOString(), deadline.toISOString()];
}
