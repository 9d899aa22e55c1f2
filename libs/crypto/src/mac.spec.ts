import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { encodeFacts } from './canonical';
import { createDataKey, HEADER_VERSION, openDataKey, type Place, rewrap } from './envelope';
import { importKey, KeyRing } from './key-ring';
import { checkDocumentMac, documentMac } from './mac';
import { failureOf } from './testing/failure';

const ring = new KeyRing(importKey(randomBytes(32)));
const place: Place = { kind: 'environment', org: 'acme', id: 'env-1' };
const { dataKey, header } = createDataKey(ring, place, [], HEADER_VERSION.withMac);

const text = fc.string({ unit: 'binary', maxLength: 8 });
const plain = { noNullPrototype: true };
const version = fc.record({ id: text, number: fc.nat() }, plain);
const imported = fc.record({ slug: text, version: text }, plain);
const variable = fc.record(
  {
    value: text,
    is_secret: fc.boolean(),
    final: fc.boolean(),
    expires_at: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
  },
  plain,
);
/** Documents with fields of every type. */
const documents = fc.record(
  {
    lineage: text,
    version,
    imports: fc.array(imported, { maxLength: 3 }),
    data: fc.dictionary(text, variable, { maxKeys: 3 }).map((data) => new Map(Object.entries(data))),
  },
  plain,
);

function outcome(...given: Parameters<typeof checkDocumentMac>): string {
  return failureOf(() => {
    checkDocumentMac(...given);
  }, 'accepted');
}

describe('The MAC of a document', () => {
  it('is accepted for these facts, and refused for any other ones', () => {
    fc.assert(
      fc.property(documents, documents, (facts, other) => {
        const mac = documentMac(dataKey, facts);
        expect(outcome(dataKey, structuredClone(facts), mac)).toBe('accepted');
        fc.pre(!isDeepStrictEqual(facts, other));
        expect(outcome(dataKey, other, mac)).toBe('forged');
      }),
    );
  });

  it('is refused where any one field is another one, is gone, or is there twice', () => {
    fc.assert(
      fc.property(documents, fc.nat(), text, (facts, at, changed) => {
        const mac = documentMac(dataKey, facts);
        for (const [name, given] of Object.entries(facts)) {
          const altered = [
            { ...facts, [name]: undefined },
            { ...facts, [name]: [given, given] },
          ];
          for (const one of [...altered, { ...facts, [name]: changed }, { ...facts, [`${name}2`]: given }]) {
            fc.pre(!isDeepStrictEqual(one, facts));
            expect(outcome(dataKey, one, mac)).toBe('forged');
          }
        }
        const [name, stored] = [...facts.data][at % Math.max(1, facts.data.size)] ?? [];
        fc.pre(name !== undefined && stored !== undefined);
        const dropped = new Map([...facts.data].filter(([other]) => other !== name));
        const flipped = new Map([...facts.data, [name, { ...stored, final: !stored.final }]]);
        for (const data of [dropped, flipped])
          expect(outcome(dataKey, { ...facts, data }, mac)).toBe('forged');
      }),
    );
  });

  it('is refused with any bit flipped, cut, in another form of base64, or as no text at all', () => {
    const facts = { lineage: 'ver-1' };
    const mac = documentMac(dataKey, facts);
    const refused = (stored: unknown) => outcome(dataKey, facts, stored);
    for (let bit = 0; bit < 256; bit++) {
      const bytes = Buffer.from(mac, 'base64');
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(refused(bytes.toString('base64'))).toBe('forged');
    }
    const bytes = Buffer.from(mac, 'base64');
    for (let kept = 0; kept < 32; kept++)
      expect(refused(bytes.subarray(0, kept).toString('base64'))).toBe('forged');
    expect(refused(`${mac} `)).toBe('format');
    expect(refused(mac.replace(/=$/, ''))).toBe('format');
    for (const stored of [undefined, null, 1, [mac], bytes]) expect(refused(stored)).toBe('forged');
  });

  it('holds for one place alone, under its data key alone', () => {
    fc.assert(
      fc.property(fc.constantFrom('kind' as const, 'org' as const, 'id' as const), text, (part, other) => {
        fc.pre(place[part] !== other);
        const mac = documentMac(dataKey, {});
        const moved = { place: { ...place, [part]: other }, key: dataKey.key };
        expect(outcome(moved, {}, mac)).toBe('forged');
        const another = createDataKey(ring, place).dataKey;
        expect(outcome(another, {}, mac)).toBe('forged');
      }),
    );
  });

  it('stays the same when the data key is wrapped anew', () => {
    const rotated = new KeyRing(importKey(randomBytes(32)), [ring.active]);
    const renewed = openDataKey(rotated, place, rewrap(rotated, place, header));
    expect(documentMac(renewed, { a: 1 })).toBe(documentMac(dataKey, { a: 1 }));
  });

  it('is made under a key of its own: neither the data key nor what commits to it', () => {
    const bytes = dataKey.key.export();
    const input = encodeFacts(['stigmer/mac/v1', place.kind, place.org, place.id, { a: 1 }]);
    const commitment = Buffer.from(hkdfSync('sha512', bytes, '', 'stigmer/commitment/v1', 32));
    expect(commitment.toString('base64')).toBe(header.commitment);
    for (const key of [bytes, commitment]) {
      const other = createHmac('sha256', key).update(input).digest('base64');
      expect(outcome(dataKey, { a: 1 }, other)).toBe('forged');
    }
  });
});

describe('A header that says that its document has a MAC', () => {
  it('does not pass for one of a document without, nor the other way round', () => {
    const plain = createDataKey(ring, place).header;
    expect(failureOf(() => openDataKey(ring, place, { ...header, v: HEADER_VERSION.plain }))).toBe('forged');
    expect(failureOf(() => openDataKey(ring, place, { ...plain, v: HEADER_VERSION.withMac }))).toBe('forged');
  });

  it('stays one when it is wrapped anew, and is made of one without by whoever has the key', () => {
    expect(rewrap(ring, place, header).v).toBe(HEADER_VERSION.withMac);
    const plain = createDataKey(ring, place);
    expect(rewrap(ring, place, plain.header).v).toBe(HEADER_VERSION.plain);
    const none = { from: [], to: [] };
    const upgraded = rewrap(ring, place, plain.header, none, HEADER_VERSION.withMac);
    expect(upgraded.v).toBe(HEADER_VERSION.withMac);
    expect(openDataKey(ring, place, upgraded).key.equals(plain.dataKey.key)).toBe(true);
  });
});
