import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootKey, readRootKey } from './root-key';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stigmer-keys-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
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
