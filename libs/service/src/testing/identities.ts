import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { Identity, SERVICE_NAMES, type ServiceName, TrustedIdentities } from '../identity';

/** Fresh keys for every service, as `server start` makes them: private JWKs by name, and the public JWKS. */
export interface TestIdentities {
  readonly privateJwk: Readonly<Record<ServiceName, string>>;
  readonly jwks: string;
  readonly trusted: TrustedIdentities;
  identity(name: ServiceName): Identity;
}

/** Makes a set of identities that trust each other. */
export function testIdentities(): TestIdentities {
  const privateKeys = {} as Record<ServiceName, string>;
  const keys: JsonWebKey[] = [];
  for (const name of SERVICE_NAMES) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    privateKeys[name] = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: name });
    keys.push({ ...publicKey.export({ format: 'jwk' }), kid: name });
  }
  const jwks = JSON.stringify({ keys });
  return {
    privateJwk: privateKeys,
    jwks,
    trusted: TrustedIdentities.fromJwks(jwks),
    identity: (name) => Identity.fromJwk(privateKeys[name]),
  };
}
