import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { address, ConfigError, describeConfig, parsed, readConfig, serviceConfig, watched } from './config';
import { testIdentities } from './testing/identities';

const schema = z.object({
  STIGMER_LISTEN: address.meta({ description: 'where' }),
  STIGMER_MODE: z.enum(['a', 'b']).default('a').meta({ description: 'how' }),
  STIGMER_KEY: parsed((text) => JSON.parse(text) as unknown, 'must be JSON').meta({
    description: 'key',
    fileOnly: true,
  }),
});
const folder = mkdtempSync(join(tmpdir(), 'stigmer-config-'));
const keyFile = join(folder, 'key');
writeFileSync(keyFile, '{"k":1}\n', { mode: 0o600 });
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('reading the configuration', () => {
  it('takes a variable from the environment or from the file that NAME_FILE names', () => {
    expect(readConfig(schema, { STIGMER_LISTEN: '127.0.0.1:1', STIGMER_KEY_FILE: keyFile })).toEqual({
      STIGMER_LISTEN: '127.0.0.1:1',
      STIGMER_MODE: 'a',
      STIGMER_KEY: { k: 1 },
    });
  });

  it('names every bad variable in one message and quotes no value', () => {
    const broken = join(folder, 'broken');
    writeFileSync(broken, 'canary-secret', { mode: 0o600 });
    const read = () => readConfig(schema, { STIGMER_MODE: 'canary-mode', STIGMER_KEY_FILE: broken });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(
      /STIGMER_LISTEN: is required\n {2}STIGMER_MODE: must be one of a, b\n {2}STIGMER_KEY: must be JSON$/,
    );
    expect(read).not.toThrow(/canary/);
  });

  it('refuses a secret that stands in the environment itself', () => {
    expect(() => readConfig(schema, { STIGMER_LISTEN: 'a:1', STIGMER_KEY: '{}' })).toThrow(
      'STIGMER_KEY: is a secret and is only read from a file: set STIGMER_KEY_FILE',
    );
  });

  it('refuses a secret whose file other users may read, and says where a missing one belongs', () => {
    const open = join(folder, 'open');
    writeFileSync(open, '{}', { mode: 0o644 });
    const read = (file: string | undefined) => () =>
      readConfig(schema, { STIGMER_LISTEN: 'a:1', STIGMER_KEY_FILE: file });
    expect(read(open)).toThrow(/STIGMER_KEY: .* is open to other users; run chmod 600/);
    expect(read(undefined)).toThrow('STIGMER_KEY: is required; set STIGMER_KEY_FILE');
  });

  it('refuses the open file of a variable that may stand in the environment too, where its schema says so', () => {
    const open = join(folder, 'open-key');
    writeFileSync(open, 'one', { mode: 0o600 });
    const schema = z.object({
      PLAIN: z.string().optional().meta({ description: 'plain' }),
      KEY: z.string().optional().meta({ description: 'key', privateFile: true }),
    });
    for (const mode of [0o604, 0o602, 0o644, 0o666]) {
      chmodSync(open, mode);
      expect(() => readConfig(schema, { KEY_FILE: open })).toThrow(/KEY: .* is open to other users/);
      expect(readConfig(schema, { PLAIN_FILE: open, KEY: 'two' })).toEqual({ PLAIN: 'one', KEY: 'two' });
    }
    for (const mode of [0o400, 0o440, 0o640, 0o660]) {
      chmodSync(open, mode);
      expect(readConfig(schema, { KEY_FILE: open })).toEqual({ KEY: 'one' });
    }
  });

  it('refuses a variable that is given twice, and a file that is not there', () => {
    const env = {
      STIGMER_LISTEN: 'a:1',
      STIGMER_LISTEN_FILE: keyFile,
      STIGMER_KEY_FILE: join(folder, 'none'),
    };
    expect(() => readConfig(schema, env)).toThrow(
      /STIGMER_LISTEN: is set twice.*\n.*STIGMER_KEY: cannot read .*ENOENT/,
    );
  });

  it('takes an empty variable for an unset one', () => {
    expect(() => readConfig(schema, { STIGMER_LISTEN: '', STIGMER_KEY_FILE: keyFile })).toThrow(
      'STIGMER_LISTEN: is required',
    );
  });

  it.each(['127.0.0.1:7234', '[::1]:7234', 'mongo.default.svc:27017'])('accepts the address %s', (text) => {
    expect(address.safeParse(text).success).toBe(true);
  });

  it.each(['', '7234', ':7234', 'host', 'host:', 'host:99999', '::1:7234', 'a b:1'])(
    'refuses the address %p',
    (text) => {
      expect(address.safeParse(text).success).toBe(false);
    },
  );

  it("reads a service's identity and the keys it trusts", () => {
    const keys = testIdentities();
    const file = join(folder, 'identity.json');
    writeFileSync(file, keys.privateJwk.gateway, { mode: 0o600 });
    const config = readConfig(serviceConfig, {
      STIGMER_LISTEN: '127.0.0.1:0',
      STIGMER_IDENTITY_KEY_FILE: file,
      STIGMER_TRUSTED_IDENTITIES: keys.jwks,
    });
    expect(config.STIGMER_IDENTITY_KEY.name).toBe('gateway');
  });
});

describe('a watched variable', () => {
  const words = z.object({
    WORDS: watched((text) => {
      if (text.includes('canary')) throw new Error(text);
      return text.split(' ');
    }, 'must be words').meta({ description: 'words', watched: true, fileOnly: true }),
  });
  const file = join(folder, 'words');

  it('gives its value, its file, and the value of the file as it is later', () => {
    writeFileSync(file, 'one two\n', { mode: 0o600 });
    const { WORDS } = readConfig(words, { WORDS_FILE: file });
    expect(WORDS).toMatchObject({ value: ['one', 'two'], file });
    writeFileSync(file, 'three\n');
    expect(WORDS.reread()).toEqual(['three']);
    expect(WORDS.value).toEqual(['one', 'two']);
  });

  it('quotes nothing of a content that became unusable, and refuses a file that others may read by now', () => {
    writeFileSync(file, 'one', { mode: 0o600 });
    const { WORDS } = readConfig(words, { WORDS_FILE: file });
    writeFileSync(file, 'canary-secret');
    expect(() => WORDS.reread()).toThrow(/^must be words$/);
    expect(() => readConfig(words, { WORDS_FILE: file })).toThrow(/WORDS: must be words$/);
    chmodSync(file, 0o644);
    expect(() => WORDS.reread()).toThrow('is open to other users');
    chmodSync(file, 0o600);
    rmSync(file);
    expect(() => WORDS.reread()).toThrow(/cannot read .*ENOENT/);
  });

  it('that stands in the environment itself stays what it is', () => {
    const schema = z.object({
      WORD: watched((text) => text, 'x')
        .optional()
        .meta({ description: 'a word', watched: true }),
    });
    const { WORD } = readConfig(schema, { WORD: 'one' });
    expect(WORD).not.toHaveProperty('file');
    expect(WORD?.reread()).toBe('one');
    expect(readConfig(schema, {})).toEqual({});
    expect(describeConfig(schema)).toEqual([
      { name: 'WORD', description: 'a word', required: false, fileOnly: false },
    ]);
  });
});

describe('the documentation of a schema', () => {
  it('says of each variable what it is, whether it is required, its default, and whether only a file will do', () => {
    expect(describeConfig(schema)).toEqual([
      { name: 'STIGMER_LISTEN', description: 'where', required: true, fileOnly: false },
      { name: 'STIGMER_MODE', description: 'how', required: false, default: 'a', fileOnly: false },
      { name: 'STIGMER_KEY', description: 'key', required: true, fileOnly: true },
    ]);
  });

  it('gives a default as one would write it, not as it is parsed', () => {
    const list = z.string().default('a,b');
    const [variable] = describeConfig(z.object({ LIST: list.transform((text) => text.split(',')) }));
    expect(variable).toMatchObject({ required: false, default: 'a,b' });
  });

  it('describes every variable of every service', () => {
    expect(describeConfig(serviceConfig).filter(({ description }) => description === '')).toEqual([]);
  });
});
