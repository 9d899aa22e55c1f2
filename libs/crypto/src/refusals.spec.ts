import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { seal } from './aead';
import { openBlob, sealBlob } from './blob';
import { createDataKey, type CryptoHeader, type DataKey, openDataKey, type Place } from './envelope';
import { importKey, type KeyEncryptionKey, KeyRing } from './key-ring';
import { openLegacyValue } from './legacy';
import { failureOf } from './testing/failure';
import { openValue, sealValue } from './value';

/** A database as one finds it: some documents of some organizations under some keys, with values and a blob each. */
interface StoredDocument {
  readonly place: Place;
  readonly header: CryptoHeader;
  readonly values: ReadonlyMap<string, string>;
  readonly blob: Buffer;
}

const keys: readonly KeyEncryptionKey[] = Array.from({ length: 3 }, () => importKey(randomBytes(32)));
const [active = importKey(randomBytes(32)), ...previous] = keys;
const ring = new KeyRing(active, previous);

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const names = fc.uniqueArray(fc.stringMatching(/^[A-Z_]{1,8}$/), { minLength: 1, maxLength: 3 });
const places = fc.record({
  kind: fc.constantFrom('environment', 'execution-context/agent', 'epoch-key'),
  org: word,
  id: word,
});
const documents = fc
  .uniqueArray(places, { minLength: 2, maxLength: 4, selector: (place) => JSON.stringify(place) })
  .chain((all) => fc.tuple(...all.map((place) => fc.tuple(fc.constant(place), names, fc.nat(2)))))
  .map((all) => all.map(([place, itsNames, key]) => store(place, itsNames, keys[key] ?? active)));

function store(place: Place, itsNames: readonly string[], key: KeyEncryptionKey): StoredDocument {
  const { dataKey, header } = createDataKey(new KeyRing(key), place);
  return {
    place,
    header,
    values: new Map(itsNames.map((name) => [name, sealValue(dataKey, name, 'the same everywhere')])),
    blob: sealBlob(dataKey, Buffer.from('the same everywhere')),
  };
}

const keyOf = ({ place, header }: Pick<StoredDocument, 'place' | 'header'>): DataKey =>
  openDataKey(ring, place, header);

const REFUSED = /^(forged|format)$/;

/** The stored forms, each with what opens it, as bytes and as the text that a database has. */
const place: Place = { kind: 'environment', org: 'acme', id: 'env-1' };
const { dataKey, header } = createDataKey(ring, place);
const legacy = seal(active.key, Buffer.from('old'), Buffer.alloc(0));
const base64 = (bytes: Buffer): string => bytes.toString('base64');
const forms: readonly (readonly [string, Buffer, (text: string) => unknown])[] = [
  [
    'an enc:v2 value',
    Buffer.from(sealValue(dataKey, 'TOKEN', 'a token').slice('enc:v2:'.length), 'base64'),
    (text) => openValue(dataKey, 'TOKEN', `enc:v2:${text}`),
  ],
  ['a bare value of an earlier system', legacy, (text) => openLegacyValue(ring, text)],
  ['an enc:v1 value of an earlier system', legacy, (text) => openLegacyValue(ring, `enc:v1:${text}`)],
  [
    'a wrapped data key',
    Buffer.from(header.wdek, 'base64'),
    (text) => openDataKey(ring, place, { ...header, wdek: text }),
  ],
  [
    'a commitment',
    Buffer.from(header.commitment, 'base64'),
    (text) => openDataKey(ring, place, { ...header, commitment: text }),
  ],
  [
    'a blob',
    sealBlob(dataKey, Buffer.from('{"A":"1"}'), ['a fact']),
    // A blob is stored as bytes; the text is this table's alone.
    (text) => openBlob(dataKey, Buffer.from(text, 'base64'), ['a fact']),
  ],
];

describe('Of any database, any two things that are swapped are refused:', () => {
  it('two ciphertexts, be it between names, documents or organizations', () => {
    fc.assert(
      fc.property(documents, fc.nat(), fc.nat(), (all, first, second) => {
        const cells = all.flatMap((document) => [...document.values].map((cell) => ({ document, cell })));
        const [one, other] = [cells[first % cells.length], cells[second % cells.length]];
        fc.pre(one !== undefined && other !== undefined && one !== other);
        const opened = (at: typeof one, stored: string) => () =>
          openValue(keyOf(at.document), at.cell[0], stored).reveal();
        expect(opened(one, one.cell[1])()).toBe('the same everywhere');
        expect(failureOf(opened(one, other.cell[1]))).toBe('forged');
        expect(failureOf(opened(other, one.cell[1]))).toBe('forged');
      }),
    );
  });

  it('two headers, two blobs, and whole contents without their documents', () => {
    fc.assert(
      fc.property(documents, fc.nat(), fc.nat(), (all, first, second) => {
        const [one, other] = [all[first % all.length], all[second % all.length]];
        fc.pre(one !== undefined && other !== undefined && one !== other);
        expect(openBlob(keyOf(one), one.blob).toString()).toBe('the same everywhere');
        expect(failureOf(() => openBlob(keyOf(one), other.blob))).toBe('forged');
        expect(failureOf(() => keyOf({ place: one.place, header: other.header }))).toBe('forged');
      }),
    );
  });

  it('the kind, the organization or the id of a document', () => {
    fc.assert(
      fc.property(
        documents,
        fc.nat(),
        fc.constantFrom('kind' as const, 'org' as const, 'id' as const),
        word,
        (all, index, part, text) => {
          const document = all[index % all.length];
          fc.pre(document !== undefined && document.place[part] !== text);
          const moved = { ...document.place, [part]: text };
          expect(failureOf(() => keyOf({ place: moved, header: document.header }))).toBe('forged');
        },
      ),
    );
  });

  it('the wrapped key, the commitment or the key’s id of two headers', () => {
    fc.assert(
      fc.property(
        documents,
        fc.constantFrom('wdek' as const, 'commitment' as const, 'kid' as const),
        (all, part) => {
          const [one, other] = all;
          fc.pre(one !== undefined && other !== undefined && one.header[part] !== other.header[part]);
          const mixed = { ...one.header, [part]: other.header[part] };
          expect(failureOf(() => keyOf({ place: one.place, header: mixed }))).toBe('forged');
        },
      ),
    );
  });

  it('two keys of the ring under each other’s ids', () => {
    fc.assert(
      fc.property(documents, fc.nat(), (all, index) => {
        const document = all[index % all.length];
        fc.pre(document !== undefined);
        const imposters = keys.map(({ id }, at) => ({
          id,
          key: (keys[(at + 1) % keys.length] ?? active).key,
        }));
        const [first = active, ...others] = imposters;
        const swapped = new KeyRing(first, others);
        expect(failureOf(() => openDataKey(swapped, document.place, document.header))).toBe('forged');
      }),
    );
  });
});

describe.each(forms)('%s', (_, bytes, opening) => {
  const failure = (changed: Buffer): string => failureOf(() => opening(base64(changed)));

  it('opens as it is', () => {
    expect(failure(bytes)).toBe('opened');
  });

  it('is refused with any one bit flipped', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(failure(changed)).toBe('forged');
    }
  });

  it('is refused with its end or its beginning cut off at any byte', () => {
    for (let kept = 0; kept < bytes.length; kept++) {
      expect(failure(bytes.subarray(0, kept))).toMatch(REFUSED);
      expect(failure(bytes.subarray(bytes.length - kept))).toMatch(REFUSED);
    }
  });

  it('is refused with its tag cut to 15 to 0 bytes', () => {
    for (let kept = 15; kept >= 0; kept--) {
      expect(failure(bytes.subarray(0, bytes.length - 16 + kept))).toMatch(REFUSED);
    }
  });

  it('is refused with anything put before, behind or between', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(bytes.length), (more, at) => {
        const changed = Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
        expect(failure(changed)).toMatch(REFUSED);
      }),
    );
  });
});

describe.each(forms.filter(([name]) => name !== 'a blob'))('The text of %s', (_, bytes, opening) => {
  const text = base64(bytes);

  it.each([
    ['white space before it', ` ${text}`],
    ['a line break behind it', `${text}\n`],
    ['white space within', `${text.slice(0, 8)} ${text.slice(8)}`],
    ['a character that is none of base64', `${text.slice(0, 8)}*${text.slice(8)}`],
    ['a padding that it does not need', `${text}=`],
    ['the form for URLs', `-_${text.slice(2)}`],
  ])('is refused with %s', (_name, changed) => {
    expect(failureOf(() => opening(changed))).toBe('format');
  });
});

const padded = forms.filter(([name, bytes]) => name !== 'a blob' && bytes.length % 3 !== 0);

describe.each(padded)('The padding of %s', (_, bytes, opening) => {
  const text = base64(bytes);
  const unpadded = text.replace(/=+$/, '');

  it('is part of it: left out, or with another text behind it, it is refused', () => {
    expect(failureOf(() => opening(unpadded))).toBe('format');
    expect(failureOf(() => opening(`${text}QQ==`))).toBe('format');
  });

  it('hides no bits, which lenient decoders drop', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const next = alphabet.charAt(alphabet.indexOf(unpadded.slice(-1)) + 1);
    const sloppy = unpadded.slice(0, -1) + next + text.slice(unpadded.length);
    expect(Buffer.from(sloppy, 'base64').equals(bytes)).toBe(true);
    expect(failureOf(() => opening(sloppy))).toBe('format');
  });
});
