import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
      'STIGMER_VAULT_ALLOW_HTTP',
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

  it.each(['ENCRYPTION_KEY', 'ENCRYPTION_KEY_PREVIOUS'])(
    'refuses the file of %s where other users may open it, and follows a mounted Secret that the group may read',
    async (of) => {
      const mount = mkdtempSync(join(folder, 'mount-'));
      const [one, two, three] = [newKey(), newKey(), newKey()];
      // As a kubelet does it: a link to a link to a folder, which an update swaps.
      const publish = (version: string, key: string, mode: number): void => {
        mkdirSync(join(mount, version));
        writeFileSync(join(mount, version, 'key'), key);
        chmodSync(join(mount, version, 'key'), mode);
        symlinkSync(version, join(mount, '..data_tmp'));
        renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
      };
      publish('..1', one, 0o444);
      symlinkSync('..data/key', join(mount, 'key'));
      const environment = {
        ...(of === 'ENCRYPTION_KEY' ? {} : { STIGMER_ENVIRONMENT_ENCRYPTION_KEY: newKey() }),
        [`STIGMER_ENVIRONMENT_${of}_FILE`]: join(mount, 'key'),
      };
      expect(() => sources(environment)).toThrow(
        `STIGMER_ENVIRONMENT_${of}: ${join(mount, 'key')} is open to other users; run chmod 600 on it, or mount its Secret with defaultMode: 0400`,
      );
      publish('..2', two, 0o440);
      const [source] = sources(environment);
      const last = async () => ((await source?.load()) ?? []).at(-1)?.id;
      expect(await last()).toBe(parseKey(two).id);
      // A file that is opened to others later takes no key away from a service that runs, and gives it none.
      publish('..3', three, 0o444);
      expect(await last()).toBe(parseKey(two).id);
      publish('..4', three, 0o400);
      expect(await last()).toBe(parseKey(three).id);
    },
  );

  it('needs the address of Vault and a token, from a file alone, where a store is there', () => {
    const store = { STIGMER_ENVIRONMENT_KEY_STORE: 'vault-transit:transit/stigmer' };
    expect(() => sources(store)).toThrow('STIGMER_VAULT_ADDRESS: is required for a key store vault-transit');
    const address = { ...store, STIGMER_VAULT_ADDRESS: 'http://127.0.0.1:8200' };
    expect(() => sources(address)).toThrow('STIGMER_VAULT_TOKEN_FILE: is required');
    expect(() => sources({ ...address, STIGMER_VAULT_TOKEN: 'hvs.canary' })).toThrow(
      'only read from a file: set STIGMER_VAULT_TOKEN_FILE',
    );
  });

  describe('for Vault on another machine', () => {
    const token = join(folder, 'vault-token');
    writeFileSync(token, 'hvs.spec', { mode: 0o600 });
    const at = (address: string, more: Readonly<Record<string, string>> = {}) =>
      sources({
        STIGMER_ENVIRONMENT_KEY_STORE: 'vault-transit:transit/stigmer',
        STIGMER_VAULT_ADDRESS: address,
        STIGMER_VAULT_TOKEN_FILE: token,
        ...more,
      });

    it.each([
      'http://vault.canary.example:8200',
      'http://10.0.0.5',
      'http://127.0.0.1.canary.example',
      'http://localhost.canary.example',
      'http://127.0.0.1@canary.example',
      'http://[::2]:8200',
    ])('refuses %s by the name of the variable, unless plaintext is allowed expressly', (address) => {
      const refusal =
        /^the configuration is not usable\n {2}STIGMER_VAULT_ADDRESS: must be https:\/\/(?!.*canary)/;
      expect(() => at(address)).toThrow(refusal);
      expect(() => at(address, { STIGMER_VAULT_ALLOW_HTTP: 'false' })).toThrow(refusal);
      expect(at(address, { STIGMER_VAULT_ALLOW_HTTP: 'true' })).toHaveLength(1);
      expect(() => at(address, { STIGMER_VAULT_ALLOW_HTTP: 'yes' })).toThrow('must be one of true, false');
    });

    it.each([
      'https://vault.example:8200',
      'http://127.0.0.1:8200',
      'http://127.1.2.3',
      'http://localhost:8200',
      'HTTP://LOCALHOST',
      'http://[::1]:8200',
    ])('takes %s', (address) => {
      expect(at(address)).toHaveLength(1);
    });
  });
});
