/** A place that keys can be added to, as `STIGMER_<RING>_KEY_STORE` names it. */
export type KeyStoreLocation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'aws-kms'; readonly keyId: string }
  | { readonly kind: 'vault-transit'; readonly mount: string; readonly key: string };

export const KEY_STORE_FORMS = 'directory:<path>, aws-kms:<key id or ARN>, vault-transit:<mount>/<key>';

// A path may hold spaces and commas: only where another store begins do they separate.
const SEPARATOR = /[\s,]+(?=(?:directory|aws-kms|vault-transit):)/;
const SEGMENT = '[A-Za-z0-9_][A-Za-z0-9_.-]*';
const TRANSIT = new RegExp(`^(${SEGMENT}(?:/${SEGMENT})*)/(${SEGMENT})$`);

/**
 * One store or several. New keys go to the first one; the others are read, which is how a ring moves from one store to
 * another. Throws without quoting.
 */
export function parseKeyStores(text: string): readonly KeyStoreLocation[] {
  return text.trim().split(SEPARATOR).map(parseKeyStore);
}

function parseKeyStore(text: string): KeyStoreLocation {
  const colon = text.indexOf(':');
  const [kind, rest] = [text.slice(0, colon), text.slice(colon + 1).trim()];
  if (kind === 'directory' && rest.startsWith('/')) return { kind, path: rest };
  if (kind === 'aws-kms' && /^[A-Za-z0-9:/_-]+$/.test(rest)) return { kind, keyId: rest };
  const [, mount, key] = (kind === 'vault-transit' ? TRANSIT.exec(rest) : undefined) ?? [];
  if (mount !== undefined && key !== undefined) return { kind: 'vault-transit', mount, key };
  throw new Error(`a key store is one of ${KEY_STORE_FORMS}`);
}
