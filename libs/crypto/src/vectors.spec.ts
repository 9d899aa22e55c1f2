import { importKey, KeyRing } from './key-ring';
import { openBlob } from './blob';
import { openDataKey } from './envelope';
import { deriveContextKey, parseKey } from './key-source';
import { openLegacyValue } from './legacy';
import { checkDocumentMac } from './mac';
import { openValue } from './value';
import vectors from './vectors.json';

// Made with another implementation (`madeWith` in the file), and never to be regenerated with ours: what stands here
// stands in databases, so a change of the format has to be a deliberate one, under a new version.
const ring = new KeyRing(parseKey(vectors.key.base64));

/** JSON knows no times: in the file they are milliseconds. */
function dated(facts: object): unknown {
  return JSON.parse(JSON.stringify(facts), (key, value: unknown) =>
    typeof value === 'number' && (key === 'at' || key === 'expires_at') ? new Date(value) : value,
  );
}

describe('The frozen format', () => {
  it('gives a key the id that other implementations give it', () => {
    expect(ring.active.id).toBe(vectors.key.id);
  });

  it.each(vectors.values)('opens the enc:v2 value $name', ({ name, stored, plaintext }) => {
    const dataKey = openDataKey(ring, vectors.place, vectors.header);
    expect(openValue(dataKey, name, stored).reveal()).toBe(plaintext);
  });

  it('accepts the MAC of a document whose header says that it has one', () => {
    const { header, facts, mac } = vectors.document;
    const dataKey = openDataKey(ring, vectors.place, header);
    expect(() => {
      checkDocumentMac(dataKey, dated(facts), mac);
    }).not.toThrow();
    const { name, stored, plaintext } = vectors.values[0] ?? {};
    expect(facts.data.GITHUB_TOKEN.value).toBe(stored);
    expect(openValue(dataKey, name ?? '', stored ?? '').reveal()).toBe(plaintext);
  });

  it('opens a blob whose data key is bound to its expiry', () => {
    const { header, expiresAt, sealed, facts, plaintext } = vectors.blob;
    const dataKey = openDataKey(ring, vectors.place, header, [expiresAt]);
    expect(openBlob(dataKey, Buffer.from(sealed, 'base64'), facts).toString()).toBe(plaintext);
  });

  it('opens a context whose data key an epoch key wraps, which the ring wraps', () => {
    const { place, bound, header, kid, context } = vectors.epoch;
    const epoch = new KeyRing({ id: kid, key: openDataKey(ring, place, header, bound).key });
    const dataKey = openDataKey(epoch, context.place, context.header, [context.expiresAt]);
    const opened = openBlob(dataKey, Buffer.from(context.sealed, 'base64'), context.facts);
    expect(opened.toString()).toBe(context.plaintext);
  });

  it('derives the context key from a root', () => {
    const root = Buffer.from(vectors.contextKey.root, 'base64');
    expect(deriveContextKey(root).toString('base64')).toBe(vectors.contextKey.derived);
  });
});

describe('The forms of earlier systems', () => {
  const legacyRing = new KeyRing(importKey(Buffer.from(vectors.legacy.keyAscii, 'ascii')));

  it.each(vectors.legacy.values)('are read, behind enc:v1: and bare: $plaintext', ({ bare, plaintext }) => {
    expect(openLegacyValue(legacyRing, bare).reveal()).toBe(plaintext);
    expect(openLegacyValue(legacyRing, `enc:v1:${bare}`).reveal()).toBe(plaintext);
  });
});
