import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootKey } from './root-key';

describe('The root key of a local installation', () => {
  it("is made once, its owner's alone, and read by whoever comes second", () => {
    const folder = mkdtempSync(join(tmpdir(), 'stigmer-keys-'));
    try {
      const path = join(folder, 'encryption.key');
      const made = createRootKey(path);
      expect(made).toHaveLength(32);
      expect(made.equals(Buffer.alloc(32))).toBe(false);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(createRootKey(path).equals(made)).toBe(true);
      expect(readFileSync(path).equals(made)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
