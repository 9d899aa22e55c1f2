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
  /** 2 says that the document has a MAC (`documentMac`), without which it is none. Authenticated like the rest. */
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

/** The version of a header says whether its document has a MAC. */
export const HEADER_VERSION = { plain: 1, withMac: 2 } as const;
type HeaderVersion = (typeof HEADER_VERSION)[keyof typeof HEADER_VERSION];

// The version is part of what a data key is wrapped under, so that no header passes for one of another version.
const WRAP_FORMATS: ReadonlyMap<number, string> = new Map([
  [HEADER_VERSION.plain, 'stigmer/dek/v1'],
  [HEADER_VERSION.withMac, 'stigmer/dek/v2'],
]);
const COMMITMENT_INFO = 'stigmer/commitment/v1';

/** Makes a random data key for a document. `bound` is authenticated with the wrapped key alone (see `rewrap`). */
export function createDataKey(
  ring: KeyRing,
  place: Place,
  bound: readonly string[] = [],
  v: HeaderVersion = HEADER_VERSION.plain,
): { readonly dataKey: DataKey; readonly header: CryptoHeader } {
  const bytes = randomBytes(KEY_BYTES);
  const header = wrap(ring, { place, bound, v }, bytes);
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

/**
 * Wraps the same data key anew, under the active key and with other bound parts; `v` for a document that got a MAC. What
 * it sealed stays as it is.
 */
export function rewrap(
  ring: KeyRing,
  place: Place,
  header: CryptoHeader,
  bound: { readonly from: readonly string[]; readonly to: readonly string[] } = { from: [], to: [] },
  v: number = header.v,
): CryptoHeader {
  const bytes = unwrap(ring, place, header, bound.from);
  const rewrapped = wrap(ring, { place, bound: bound.to, v }, bytes);
  bytes.fill(0);
  return rewrapped;
}

/** What a data key is wrapped for. */
interface Binding {
  readonly place: Place;
  readonly bound: readonly string[];
  readonly v: number;
}

function wrap(ring: KeyRing, binding: Binding, bytes: Buffer): CryptoHeader {
  const { id: kid, key } = ring.active;
  return {
    v: binding.v,
    kid,
    wdek: seal(key, bytes, wrapAad(kid, binding)).toString('base64'),
    commitment: commitmentTo(bytes).toString('base64'),
  };
}

function unwrap(ring: KeyRing, place: Place, header: CryptoHeader, bound: readonly string[]): Buffer {
  const { id: kid, key } = ring.byId(header.kid);
  const bytes = open(key, decodeBase64(header.wdek), wrapAad(kid, { place, bound, v: header.v }));
  // GCM does not commit to its key: a ciphertext can be made to open under two keys. The commitment, compared
  // before anything is decrypted with the data key, leaves exactly one.
  const stored = decodeBase64(header.commitment);
  if (stored.length !== KEY_BYTES || !timingSafeEqual(stored, commitmentTo(bytes))) {
    bytes.fill(0);
    throw new CryptoError('forged', 'a data key does not match its commitment');
  }
  return bytes;
}

function wrapAad(kid: string, { place: { kind, org, id }, bound, v }: Binding): Buffer {
  const format = WRAP_FORMATS.get(v);
  if (format === undefined) throw new CryptoError('format', 'a crypto header of an unknown version');
  return encodeTuple([format, kid, kind, org, id, ...bound]);
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
