import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { importKey, KeyRing } from './key-ring';
import { parseKey, readKeyRing } from './key-source';
import { openLegacyValue } from './legacy';
import { createRootKey, readRootKey } from './root-key';
import { seal } from './aead';

const NAME = 'STIGMER_ENVIRONMENT_ENCRYPTION_KEY';
const base64Key = () => randomBytes(32).toString('base64');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stigmer-keys-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('A key ring', () => {
  it('zeroes the bytes it took a key from, and prints nothing of it', () => {
    const bytes = randomBytes(32);
    const text = bytes.toString('base64');
    const ring = new KeyRing(importKey(bytes));
    expect(bytes.equals(Buffer.alloc(32))).toBe(true);
    for (const printed of [inspect(ring, { depth: 9, showHidden: true }), JSON.stringify(ring)]) {
      expect(printed).not.toContain(text);
      expect(printed).not.toContain(Buffer.from(text, 'base64').toString('hex'));
    }
  });

  it('finds the active and the previous keys by their ids, the active one first', () => {
    const [one, two] = [importKey(randomBytes(32)), importKey(randomBytes(32))];
    const ring = new KeyRing(two, [one]);
    expect(ring.ids).toEqual([two.id, one.id]);
    expect(ring.byId(one.id)).toBe(one);
    expect(ring.has('0000000000000000')).toBe(false);
  });

  it('gives a key the same id wherever it is read', () => {
    const text = base64Key();
    expect(parseKey('a', text).id).toBe(parseKey('b', text).id);
    expect(parseKey('a', text).id).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('Reading keys from the configuration', () => {
  it('takes the key from the variable or from a file, and previous keys for reading', () => {
    const [active, old, older] = [base64Key(), base64Key(), base64Key()];
    const file = join(folder, 'key');
    writeFileSync(file, `${active}\n`);
    const ids = [active, old, older].map((text) => parseKey('', text).id);
    expect(readKeyRing(NAME, { [NAME]: active, [`${NAME}_PREVIOUS`]: `${old},${older}` }).ids).toEqual(ids);
    const previous = join(folder, 'previous');
    writeFileSync(previous, `${old}\n${older}\n`);
    expect(readKeyRing(NAME, { [`${NAME}_FILE`]: file, [`${NAME}_PREVIOUS_FILE`]: previous }).ids).toEqual(
      ids,
    );
  });

  it.each([
    ['31 bytes', Buffer.alloc(31, 1).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 1).toString('base64')],
    ['base64url', Buffer.alloc(32, 0xff).toString('base64url')],
    ['text', 'correct horse battery staple'],
    ['hex', 'ab'.repeat(32)],
  ])('refuses %s, naming the variable and not the text', (_, text) => {
    const read = () => readKeyRing(NAME, { [NAME]: text });
    expect(read).toThrow(`${NAME} must be base64 of exactly 32 bytes`);
    expect(read).not.toThrow(text);
  });

  it('refuses a missing key, two sources at once, and a file that cannot be read', () => {
    expect(() => readKeyRing(NAME, {})).toThrow(`${NAME} or ${NAME}_FILE must hold the encryption key`);
    expect(() => readKeyRing(NAME, { [NAME]: '' })).toThrow('must hold the encryption key');
    expect(() => readKeyRing(NAME, { [NAME]: base64Key(), [`${NAME}_FILE`]: '/x' })).toThrow('not both');
    expect(() => readKeyRing(NAME, { [`${NAME}_FILE`]: join(folder, 'none') })).toThrow(
      /cannot read .*none \(ENOENT\)/,
    );
  });

  it('opens older forms with a previous key too, and says which keys failed', () => {
    const [active, old] = [parseKey('', base64Key()), parseKey('', base64Key())];
    const stored = seal(old.key, Buffer.from('kept'), Buffer.alloc(0)).toString('base64');
    expect(openLegacyValue(new KeyRing(active, [old]), stored).reveal()).toBe('kept');
    expect(() => openLegacyValue(new KeyRing(active), stored)).toThrow(active.id);
    expect(() => openLegacyValue(new KeyRing(active), 'not base64')).toThrow('not canonical base64');
  });
});

describe('The root key of a local installation', () => {
  it("is made once, its owner's alone, and read back", () => {
    const path = join(folder, 'encryption.key');
    expect(readRootKey(path)).toBeUndefined();
    const made = createRootKey(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(createRootKey(path).equals(made)).toBe(true);
    expect(readFileSync(path).equals(made)).toBe(true);
  });

  it('is refused when others can read it, or its size is wrong', () => {
    const path = join(folder, 'encryption.key');
    createRootKey(path);
    chmodSync(path, 0o640);
    expect(() => readRootKey(path)).toThrow('can be read by others');
    chmodSync(path, 0o600);
    writeFileSync(path, 'short');
    expect(() => readRootKey(path)).toThrow('exactly 32 bytes');
  });
});
