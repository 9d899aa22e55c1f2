import { createSecretKey, hkdfSync, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { encodeTuple } from './aad';
import { KEY_BYTES, open, seal } from './aead';
import { decodeBase64 } from './base64';
import { CryptoError } from './errors';
import type { KeyRing } from './key-ring';

/**
 * What a document stores about its data key: the key-encryption key that wrapped it (`kid`), the wrapped data key
 * (`wdek`), and a commitment to the data key. Rotation replaces this header and touches no value.
 */
export interface CryptoHeader {
  readonly v: number;
  readonly kid: string;
  readonly wdek: string;
  readonly commitment: string;
}

/** The document something is sealed for. All of it is authenticated, so a ciphertext opens nowhere else. */
export interface Place {
  readonly kind: string;
  readonly org: string;
  readonly id: string;
}

/** A document's data key in memory, with the place it was made for. */
export interface DataKey {
  readonly place: Place;
  readonly key: KeyObject;
}

const VERSION = 1;
const WRAP_FORMAT = 'stigmer/dek/v1';
const COMMITMENT_INFO = 'stigmer/commitment/v1';

/** Makes a random data key for a document. `bound` is authenticated with the wrapped key alone (see `rewrap`). */
export function createDataKey(
  ring: KeyRing,
  place: Place,
  bound: readonly string[] = [],
): { readonly dataKey: DataKey; readonly header: CryptoHeader } {
  const bytes = randomBytes(KEY_BYTES);
  const header = wrap(ring, place, bound, bytes);
  return { dataKey: { place, key: takeOver(bytes) }, header };
}

/** Unwraps a document's data key. Throws `key` when the ring lacks it and `forged` when the header is not this document's. */
export function openDataKey(
  ring: KeyRing,
  place: Place,
  header: CryptoHeader,
  bound: readonly string[] = [],
): DataKey {
  return { place, key: takeOver(unwrap(ring, place, header, bound)) };
}

/** Wraps the same data key anew, under the active key and with other bound parts. What it sealed stays as it is. */
export function rewrap(
  ring: KeyRing,
  place: Place,
  header: CryptoHeader,
  bound: { readonly from: readonly string[]; readonly to: readonly string[] } = { from: [], to: [] },
): CryptoHeader {
  const bytes = unwrap(ring, place, header, bound.from);
  const rewrapped = wrap(ring, place, bound.to, bytes);
  bytes.fill(0);
  return rewrapped;
}

function wrap(ring: KeyRing, place: Place, bound: readonly string[], bytes: Buffer): CryptoHeader {
  const { id: kid, key } = ring.active;
  return {
    v: VERSION,
    kid,
    wdek: seal(key, bytes, wrapAad(kid, place, bound)).toString('base64'),
    commitment: commitmentTo(bytes).toString('base64'),
  };
}

function unwrap(ring: KeyRing, place: Place, header: CryptoHeader, bound: readonly string[]): Buffer {
  if (header.v !== VERSION) throw new CryptoError('format', 'a crypto header of an unknown version');
  const { id: kid, key } = ring.byId(header.kid);
  const bytes = open(key, decodeBase64(header.wdek), wrapAad(kid, place, bound));
  // GCM does not commit to its key: a ciphertext can be made to open under two keys. The commitment, compared
  // before anything is decrypted with the data key, leaves exactly one.
  const stored = decodeBase64(header.commitment);
  if (stored.length !== KEY_BYTES || !timingSafeEqual(stored, commitmentTo(bytes))) {
    bytes.fill(0);
    throw new CryptoError('forged', 'a data key does not match its commitment');
  }
  return bytes;
}

function wrapAad(kid: string, { kind, org, id }: Place, bound: readonly string[]): Buffer {
  return encodeTuple([WRAP_FORMAT, kid, kind, org, id, ...bound]);
}

// HKDF is one-way, so the commitment may lie beside the wrapped key.
function commitmentTo(dataKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha512', dataKey, '', COMMITMENT_INFO, KEY_BYTES));
}

function takeOver(bytes: Buffer): KeyObject {
  if (bytes.length !== KEY_BYTES) throw new CryptoError('format', 'a data key of the wrong size');
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}
