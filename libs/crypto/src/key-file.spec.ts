import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKeyFile, removeKeyFile, writeKeyFile } from './key-file';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stigmer-keys-'));
  path = join(folder, 'a.key');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('A key file', () => {
  it("is whole, its owner's alone, and read back; the bytes that it was written from are zeroed", () => {
    const bytes = randomBytes(32);
    const kept = Buffer.from(bytes);
    expect(readKeyFile(path)).toBeUndefined();
    expect(writeKeyFile(path, bytes)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeyFile(path)).toEqual(kept);
    expect(bytes.equals(Buffer.alloc(32))).toBe(true);
    expect(readdirSync(folder)).toEqual(['a.key']);
  });

  it('is never replaced', () => {
    writeKeyFile(path, randomBytes(32));
    const first = readFileSync(path);
    expect(writeKeyFile(path, randomBytes(32))).toBe(false);
    expect(readFileSync(path).equals(first)).toBe(true);
    expect(readdirSync(folder)).toEqual(['a.key']);
  });

  it('is refused when others can read it, or its size is wrong', () => {
    writeKeyFile(path, randomBytes(32));
    chmodSync(path, 0o640);
    expect(() => readKeyFile(path)).toThrow('can be read by others');
    chmodSync(path, 0o600);
    writeFileSync(path, 'short');
    expect(() => readKeyFile(path)).toThrow('exactly 32 bytes');
  });

  it('may be removed twice', () => {
    writeKeyFile(path, randomBytes(32));
    removeKeyFile(path);
    removeKeyFile(path);
    expect(readdirSync(folder)).toEqual([]);
  });
});
