import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { importKey, KeyRing } from './key-ring';
import { parseKey } from './key-source';

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
  });

  it('gives a key the same id wherever it is read', () => {
    const text = randomBytes(32).toString('base64');
    expect(parseKey(text).id).toBe(parseKey(text).id);
    expect(parseKey(text).id).toMatch(/^[0-9a-f]{16}$/);
  });

  it('accepts a database that recorded any of its keys, and names both fingerprints when it recorded another', () => {
    const [one, two, other] = [
      importKey(randomBytes(32)),
      importKey(randomBytes(32)),
      importKey(randomBytes(32)),
    ];
    const ring = new KeyRing(two, [one]);
    ring.assertHolds(one.id);
    ring.assertHolds(two.id);
    expect(() => {
      ring.assertHolds(other.id);
    }).toThrow(`written with the encryption key ${other.id}, configured: ${two.id}, ${one.id}`);
  });
});
