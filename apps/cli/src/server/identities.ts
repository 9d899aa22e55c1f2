import { generateKeyPairSync } from 'node:crypto';

/** The keys by which services know each other, made afresh for each start. */
export interface Identities<Name extends string> {
  /** Per service, the private JWK that it alone may read. */
  readonly privateKeys: Readonly<Record<Name, string>>;
  /** The public keys of all, as a JWKS. */
  readonly trusted: string;
}

export function createIdentities<Name extends string>(names: readonly Name[]): Identities<Name> {
  const pairs = names.map((name) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return {
      name,
      own: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: name }),
      shown: { ...publicKey.export({ format: 'jwk' }), kid: name, alg: 'EdDSA', use: 'sig' },
    };
  });
  return {
    privateKeys: Object.fromEntries(pairs.map(({ name, own }) => [name, own])) as Record<Name, string>,
    trusted: JSON.stringify({ keys: pairs.map(({ shown }) => shown) }),
  };
}
