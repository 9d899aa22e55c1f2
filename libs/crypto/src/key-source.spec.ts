import { randomBytes } from 'node:crypto';
import { deriveContextKey, parseKey, parseKeys } from './key-source';

const base64Key = () => randomBytes(32).toString('base64');

describe('Reading keys from the configuration', () => {
  it.each([
    ['31 bytes', Buffer.alloc(31, 1).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 1).toString('base64')],
    ['base64url', Buffer.alloc(32, 0xff).toString('base64url')],
    ['text', 'correct horse battery staple'],
    ['hex', 'ab'.repeat(32)],
    ['white space around it', ` ${base64Key()}`],
  ])('refuses %s, without quoting it', (_, text) => {
    expect(() => parseKey(text)).toThrow('a key must be base64 of exactly 32 bytes');
    expect(() => parseKey(text)).not.toThrow(text);
  });

  it('takes several previous keys, by comma or by line', () => {
    const [one, two] = [base64Key(), base64Key()];
    const ids = [parseKey(one).id, parseKey(two).id];
    expect(parseKeys(`${one},${two}`).map(({ id }) => id)).toEqual(ids);
    expect(parseKeys(`${one}\n${two}\n`).map(({ id }) => id)).toEqual(ids);
    expect(parseKeys('')).toEqual([]);
  });

  it('derives a context key that is not the root', () => {
    const root = randomBytes(32);
    const derived = deriveContextKey(root);
    expect(derived).toHaveLength(32);
    expect(derived.equals(root)).toBe(false);
    expect(() => deriveContextKey(root.subarray(1))).toThrow('a root key is 32 bytes');
  });
});
