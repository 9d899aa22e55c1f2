import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceKeys } from './keys';
import { layoutOf, type Layout } from './layout';

let layout: Layout;

beforeEach(() => {
  layout = layoutOf(mkdtempSync(join(tmpdir(), 'stigmer-keys-')));
});

afterEach(() => {
  rmSync(layout.home, { recursive: true });
});

describe('the root key of an installation', () => {
  it('is made once, for its owner alone, and is the key of the environments', () => {
    const first = serviceKeys(layout, undefined);
    expect(statSync(layout.encryptionKey).mode & 0o777).toBe(0o600);
    expect(first.environment).toBe(readFileSync(layout.encryptionKey).toString('base64'));
    expect(serviceKeys(layout, undefined)).toEqual(first);
  });

  it('derives a key for the contexts that does not open environments', () => {
    const { environment, context } = serviceKeys(layout, undefined);
    expect(Buffer.from(context, 'base64')).toHaveLength(32);
    expect(context).not.toBe(environment);
  });

  it('is not made beside data that an older one encrypted', () => {
    mkdirSync(layout.data);
    expect(() => serviceKeys(layout, undefined)).toThrow(
      /encryption\.key is missing, but .* put the key back/,
    );
    expect(existsSync(layout.encryptionKey)).toBe(false);
  });

  it('is refused while others can read it', () => {
    serviceKeys(layout, undefined);
    chmodSync(layout.encryptionKey, 0o640);
    expect(() => serviceKeys(layout, undefined)).toThrow('chmod 600');
  });

  it('is refused when it is not 32 bytes, without being quoted', () => {
    writeFileSync(layout.encryptionKey, 'short canary', { mode: 0o600 });
    expect(() => serviceKeys(layout, undefined)).toThrow(/exactly 32 bytes$/);
    expect(() => serviceKeys(layout, 'canary')).toThrow(
      /^STIGMER_ENCRYPTION_KEY: a key must be base64 of exactly 32 bytes$/,
    );
  });

  it('comes from STIGMER_ENCRYPTION_KEY where that is set, and then no file is made', () => {
    const key = randomBytes(32).toString('base64');
    expect(serviceKeys(layout, key).environment).toBe(key);
    expect(existsSync(layout.encryptionKey)).toBe(false);
  });
});
