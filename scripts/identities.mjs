// Makes the identities of a deployment: `node scripts/identities.mjs FOLDER` writes, for each service, the private key that
// it alone may have (FOLDER/<service>.jwk), and the public keys of all (FOLDER/identities.jwks).
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SERVICES = [
  'gateway',
  'environment-service',
  'execution-context-service',
  'resolver-service',
  'control-plane',
  'workflow-runner',
];

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node scripts/identities.mjs FOLDER');
  process.exit(2);
}

// `wx`: a key that is in use is never overwritten.
const write = (name, content, mode) =>
  writeFileSync(join(folder, name), `${JSON.stringify(content)}\n`, { mode, flag: 'wx' });

mkdirSync(folder, { recursive: true, mode: 0o700 });
const keys = SERVICES.map((kid) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  write(`${kid}.jwk`, { ...privateKey.export({ format: 'jwk' }), kid }, 0o600);
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' };
});
write('identities.jwks', { keys }, 0o644);
