import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { openBlob, sealBlob } from './blob';
import { createDataKey, openDataKey, rewrap, type CryptoHeader, type Place } from './envelope';
import { importKey, KeyRing } from './key-ring';
import { failureOf } from './testing/failure';
import { openParsedValue, openValue, parseValue, sealValue } from './value';

const ring = new KeyRing(importKey(randomBytes(32)));
const place: Place = { kind: 'environment', org: 'acme', id: 'env-1' };
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
const text = fc.string({ unit: 'grapheme', maxLength: 100 });
const places = fc.record({ kind: fc.constantFrom('environment', 'execution-context'), org: text, id: text });

describe('A sealed value', () => {
  it('opens in its document, under its name', () => {
    fc.assert(
      fc.property(places, name, text, (at, key, plaintext) => {
        const { dataKey, header } = createDataKey(ring, at);
        const stored = sealValue(dataKey, key, plaintext);
        expect(stored).toMatch(/^enc:v2:[A-Za-z0-9+/]+={0,2}$/);
        expect(openValue(openDataKey(ring, at, header), key, stored).reveal()).toBe(plaintext);
      }),
    );
  });

  it('opens after it was parsed without a key, and only for the name and the place it was parsed for', () => {
    fc.assert(
      fc.property(places, name, text, (at, key, plaintext) => {
        const { dataKey } = createDataKey(ring, at);
        const stored = sealValue(dataKey, key, plaintext);
        expect(openParsedValue(dataKey, parseValue(at, key, stored)).toString('utf8')).toBe(plaintext);
        const elsewhere = parseValue({ ...at, id: `${at.id}x` }, key, stored);
        expect(failureOf(() => openParsedValue(dataKey, elsewhere))).toBe('forged');
        expect(failureOf(() => openParsedValue(dataKey, parseValue(at, `${key}X`, stored)))).toBe('forged');
      }),
    );
  });

  it('opens nowhere else: any two values of one document, swapped, are refused', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 2 }), text, (names, plaintext) => {
        const [one = '', other = ''] = names;
        const { dataKey } = createDataKey(ring, place);
        expect(failureOf(() => openValue(dataKey, other, sealValue(dataKey, one, plaintext)))).toBe('forged');
      }),
    );
  });

  it('is refused in another document, organization or kind, with its own header and with theirs', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(places, { minLength: 2, maxLength: 2, selector: (p) => JSON.stringify(p) }),
        (two) => {
          const [from = place, to = place] = two;
          const source = createDataKey(ring, from);
          const target = createDataKey(ring, to);
          const stored = sealValue(source.dataKey, 'TOKEN', 'x');
          expect(failureOf(() => openValue(target.dataKey, 'TOKEN', stored))).toBe('forged');
          expect(failureOf(() => openDataKey(ring, to, source.header))).toBe('forged');
          // Even with the right data key, the place is part of what a value is sealed under.
          expect(failureOf(() => openValue({ place: to, key: source.dataKey.key }, 'TOKEN', stored))).toBe(
            'forged',
          );
        },
      ),
    );
  });

  it('is refused with any one character changed', () => {
    const { dataKey } = createDataKey(ring, place);
    const stored = sealValue(dataKey, 'TOKEN', 'a secret');
    fc.assert(
      fc.property(
        fc.nat(stored.length - 1),
        fc.constantFrom('A', 'b', '0', '+', '/', '=', ' ', ':', 'é'),
        (at, character) => {
          fc.pre(stored[at] !== character);
          const changed = stored.slice(0, at) + character + stored.slice(at + 1);
          expect(failureOf(() => openValue(dataKey, 'TOKEN', changed))).toMatch(/^(forged|format)$/);
        },
      ),
    );
  });

  it('in a form older than its document is refused, even one that would open', () => {
    const { dataKey } = createDataKey(ring, place);
    const bare = sealValue(dataKey, 'TOKEN', 'x').slice('enc:v2:'.length);
    for (const stored of [bare, `enc:v1:${bare}`, `ENC:V2:${bare}`, 'plain', '']) {
      expect(failureOf(() => openValue(dataKey, 'TOKEN', stored))).toBe('format');
    }
  });
});

describe('A crypto header', () => {
  const { header } = createDataKey(ring, place);

  it('is refused with any byte of the wrapped key or the commitment flipped', () => {
    fc.assert(
      fc.property(fc.constantFrom('wdek' as const, 'commitment' as const), fc.nat(), (part, at) => {
        expect(failureOf(() => openDataKey(ring, place, flipped(header, part, at)))).toBe('forged');
      }),
    );
  });

  it('is refused when another key made its commitment', () => {
    const other = createDataKey(ring, place).header;
    expect(failureOf(() => openDataKey(ring, place, { ...header, commitment: other.commitment }))).toBe(
      'forged',
    );
    expect(failureOf(() => openDataKey(ring, place, { ...header, commitment: '' }))).toBe('forged');
  });

  it('of a version to come is refused', () => {
    expect(failureOf(() => openDataKey(ring, place, { ...header, v: 3 }))).toBe('format');
  });

  it('whose key is not in the ring is refused, naming the key needed and the keys configured', () => {
    const strangers = new KeyRing(importKey(randomBytes(32)));
    expect(() => openDataKey(strangers, place, header)).toThrow(
      `needs the encryption key ${header.kid}, configured: ${strangers.active.id}`,
    );
  });

  it('is refused under another key that claims its id', () => {
    const imposter = new KeyRing({ id: header.kid, key: importKey(randomBytes(32)).key });
    expect(failureOf(() => openDataKey(imposter, place, header))).toBe('forged');
  });
});

describe('Re-wrapping', () => {
  it('moves the data key to the active key and leaves every value as it is', () => {
    const { dataKey, header } = createDataKey(ring, place);
    const stored = sealValue(dataKey, 'TOKEN', 'a secret');
    const rotated = new KeyRing(importKey(randomBytes(32)), [ring.active]);
    const rewrapped = rewrap(rotated, place, header);
    expect(rewrapped.kid).toBe(rotated.active.id);
    const retired = new KeyRing(rotated.active);
    expect(openValue(openDataKey(retired, place, rewrapped), 'TOKEN', stored).reveal()).toBe('a secret');
  });

  it('binds a new expiry, after which the old header is of no use with it', () => {
    const { dataKey, header } = createDataKey(ring, place, ['monday']);
    const blob = sealBlob(dataKey, Buffer.from('{}'), ['run']);
    const renewed = rewrap(ring, place, header, { from: ['monday'], to: ['tuesday'] });
    expect(openBlob(openDataKey(ring, place, renewed, ['tuesday']), blob, ['run']).toString()).toBe('{}');
    expect(failureOf(() => openDataKey(ring, place, header, ['tuesday']))).toBe('forged');
    expect(failureOf(() => openDataKey(ring, place, renewed, ['monday']))).toBe('forged');
    expect(failureOf(() => openDataKey(ring, place, renewed))).toBe('forged');
  });
});

describe('A sealed blob', () => {
  it('is refused when a fact about it was altered', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(text), (facts, claimed) => {
        fc.pre(JSON.stringify(facts) !== JSON.stringify(claimed));
        const { dataKey } = createDataKey(ring, place);
        const blob = sealBlob(dataKey, Buffer.from('{}'), facts);
        expect(openBlob(dataKey, blob, facts).toString()).toBe('{}');
        expect(failureOf(() => openBlob(dataKey, blob, claimed))).toBe('forged');
      }),
    );
  });

  it('does not pass for a value, nor a value for a blob', () => {
    const { dataKey } = createDataKey(ring, place);
    const blob = sealBlob(dataKey, Buffer.from('x'), ['TOKEN']);
    expect(failureOf(() => openValue(dataKey, 'TOKEN', `enc:v2:${blob.toString('base64')}`))).toBe('forged');
    const value = Buffer.from(sealValue(dataKey, 'TOKEN', 'x').slice('enc:v2:'.length), 'base64');
    expect(failureOf(() => openBlob(dataKey, value, ['TOKEN']))).toBe('forged');
  });
});

function flipped(header: CryptoHeader, part: 'wdek' | 'commitment', at: number): CryptoHeader {
  const bytes = Buffer.from(header[part], 'base64');
  const index = at % bytes.length;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  return { ...header, [part]: bytes.toString('base64') };
}
