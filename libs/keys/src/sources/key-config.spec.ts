import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKey } from '@stigmer/crypto';
import { createLogger, describeConfig, readConfig } from '@stigmer/service';
import { createConnection } from 'mongoose';
import { z } from 'zod';
import { keyConfig, keySources } from './key-config';

const schema = z.object({ ...keyConfig('ENVIRONMENT') });
const connection = createConnection();
const folder = mkdtempSync(join(tmpdir(), 'stigmer-key-config-'));
const newKey = (): string => randomBytes(32).toString('base64');
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await connection.close();
});

function sources(environment: Readonly<Record<string, string>>) {
  const config = readConfig(schema, environment);
  return keySources('ENVIRONMENT', config, connection, createLogger('key-config-spec', 'silent'));
}

describe('The configuration of a ring’s keys', () => {
  it('names the variables of its own ring, each described', () => {
    const names = describeConfig(z.object({ ...keyConfig('CONTEXT') })).map(({ name }) => name);
    expect(names).toEqual([
      'STIGMER_CONTEXT_ENCRYPTION_KEY',
      'STIGMER_CONTEXT_ENCRYPTION_KEY_PREVIOUS',
      'STIGMER_CONTEXT_KEY_STORE',
      'STIGMER_VAULT_ADDRESS',
      'STIGMER_VAULT_TOKEN',
      'STIGMER_VAULT_NAMESPACE',
    ]);
    expect(describeConfig(schema).filter(({ description }) => description === '')).toEqual([]);
  });

  it('gives the configured keys first, then the stores in their order', async () => {
    const [one, two, three] = [newKey(), newKey(), newKey()];
    const token = join(folder, 'token');
    writeFileSync(token, 'hvs.spec', { mode: 0o600 });
    const all = sources({
      STIGMER_ENVIRONMENT_ENCRYPTION_KEY: `${one} ${two}`,
      STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS: three,
      STIGMER_ENVIRONMENT_KEY_STORE: `aws-kms:alias/a,vault-transit:transit/b directory:${folder}/keys`,
      STIGMER_VAULT_ADDRESS: 'http://127.0.0.1:8200',
      STIGMER_VAULT_TOKEN_FILE: token,
    });
    expect(all.map(({ name }) => name)).toEqual([
      'variable STIGMER_ENVIRONMENT_ENCRYPTION_KEY, variable STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS',
      'aws-kms alias/a',
      'vault-transit transit/b',
      `directory ${folder}/keys`,
    ]);
    expect(all.map(({ writable }) => writable)).toEqual([false, true, true, true]);
    const ids = ((await all[0]?.load()) ?? []).map(({ id }) => id);
    expect(ids).toEqual([one, two, three].map((text) => parseKey(text).id));
  });

  it('needs no configured key where a store is named, and one of them at least', () => {
    expect(sources({ STIGMER_ENVIRONMENT_KEY_STORE: `directory:${folder}/keys` })).toHaveLength(1);
    expect(() => sources({})).toThrow(
      'STIGMER_ENVIRONMENT_ENCRYPTION_KEY: is required where STIGMER_ENVIRONMENT_KEY_STORE is not set',
    );
  });

  it.each([
    ['STIGMER_ENVIRONMENT_ENCRYPTION_KEY', 'canary', 'must be base64 of exactly 32 bytes'],
    ['STIGMER_ENVIRONMENT_ENCRYPTION_KEY', ' , ', 'must be base64 of exactly 32 bytes'],
    ['STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS', 'canary', 'must be base64 of exactly 32 bytes'],
    ['STIGMER_ENVIRONMENT_KEY_STORE', 'canary:x', 'must be one of directory:<path>'],
    ['STIGMER_VAULT_ADDRESS', 'canary', 'Invalid URL'],
  ])('refuses %s=%j without quoting it', (name, value, problem) => {
    const read = () => sources({ STIGMER_ENVIRONMENT_KEY_STORE: `directory:${folder}/keys`, [name]: value });
    expect(read).toThrow(`${name}: ${problem}`);
    expect(read).not.toThrow(/canary/);
  });

  it('needs the address of Vault and a token, from a file alone, where a store is there', () => {
    const store = { STIGMER_ENVIRONMENT_KEY_STORE: 'vault-transit:transit/stigmer' };
    expect(() => sources(store)).toThrow('STIGMER_VAULT_ADDRESS: is required for a key store vault-transit');
    const address = { ...store, STIGMER_VAULT_ADDRESS: 'http://127.0.0.1:8200' };
    expect(() => sources(address)).toThrow('STIGMER_VAULT_TOKEN_FILE: is required');
    expect(() => sources({ ...address, STIGMER_VAULT_TOKEN: 'hvs.canary' })).toThrow(
      'only read from a file: set STIGMER_VAULT_TOKEN_FILE',
    );
  });
});
