import { randomBytes } from 'node:crypto';
import { importKey, KeyRing } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { EnvironmentDocument, StoredVariable } from './environment-document';
import { EnvironmentSecrets } from './environment-secrets';
import { asItWas, atRevision, outgoing, type RevisionDocument } from './revision-document';
import { documentOf } from './testing/documents';

const ring = new KeyRing(importKey(randomBytes(32)));

/** A document in which nothing is empty, so that there is something of everything to change. */
function fullDocument(number = 1): EnvironmentDocument {
  const place = documentOf({});
  const secrets = EnvironmentSecrets.create(ring, place);
  const variable = (value: string, is_secret: boolean): StoredVariable => ({
    ...{ value, is_secret, description: 'd', optional: false, final: true },
    expires_at: new Date(1_900_000_000_000),
  });
  return secrets.sealed({
    ...place,
    description: 'what it is for',
    labels: new Map([['team', 'web']]),
    annotations: new Map([['note', 'x']]),
    tags: ['a', 'b'],
    imports: [
      { scope: place.owner_scope, org: 'acme', slug: 'base', version: 'stable' },
      { scope: place.owner_scope, org: '', slug: 'other', version: '' },
    ],
    data: new Map([
      ['TOKEN', variable(secrets.seal('TOKEN', 'secret'), true)],
      ['URL', variable('https://example.com', false)],
    ]),
    version: { id: `ver-${number}`, number, message: 'why', previous: 'ver-0' },
    changes: { added: ['URL'], changed: ['TOKEN'], removed: ['OLD'] },
    revision_tags: new Map([['stable', 'ver-0']]),
  });
}

/** Everything that one change makes of a value: each leaf another one, each list and each map with one more or one less. */
function changesOf(value: unknown): unknown[] {
  if (typeof value === 'string') return [`${value}x`, '', 7, null].filter((other) => other !== value);
  if (typeof value === 'boolean') return [!value, String(value), Number(value)];
  if (typeof value === 'number') return [value + 1, String(value)];
  if (value instanceof Date) return [new Date(value.getTime() + 1), value.getTime(), value.toISOString()];
  if (value instanceof Map) return [...changedEntries([...value])].map((entries) => new Map(entries));
  if (Array.isArray(value)) {
    const items = value.map((item, index) => [String(index), item] as const);
    const lists = [...changedEntries(items)].map((entries) => entries.map(([, item]) => item));
    return [...lists, ...(value.length > 1 ? [[...(value as unknown[])].reverse()] : [])];
  }
  if (typeof value === 'object' && value !== null)
    return [...changedEntries(Object.entries(value))].map((entries) => Object.fromEntries(entries));
  throw new Error('a value of no known type');
}

type Entries = (readonly [string, unknown])[];

function* changedEntries(entries: Entries): Generator<Entries> {
  yield [...entries, ['another', entries[0]?.[1] ?? 'x']];
  for (const [index, [key, value]] of entries.entries()) {
    yield entries.filter((_, other) => other !== index);
    for (const changed of changesOf(value)) yield entries.with(index, [key, changed]);
  }
}

const opens = (document: EnvironmentDocument): boolean => {
  try {
    EnvironmentSecrets.of(ring, document);
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'failed-precondition') return false;
    throw error;
  }
};

/** What is stored, and is either not under the MAC, or says by itself where it belongs. */
const APART = new Set(['crypto', 'revision_tags', 'mac']);

describe('A stored environment', () => {
  it('opens as it was written, also from a copy, and with other tags', () => {
    const document = fullDocument();
    expect(opens(document)).toBe(true);
    expect(opens({ ...document })).toBe(true);
    expect(opens({ ...document, revision_tags: new Map() })).toBe(true);
  });

  it('is refused with any one change to any one thing in it', () => {
    const document = fullDocument();
    const fields = Object.entries(document).filter(([name]) => !APART.has(name));
    let tried = 0;
    for (const [name, value] of fields) {
      for (const changed of changesOf(value)) {
        // Documents are found by these two, which are texts then.
        if ((name === '_id' || name === 'org') && typeof changed !== 'string') continue;
        expect([name, changed, opens({ ...document, [name]: changed })]).toEqual([...[name, changed, false]]);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(150);
  });

  it('is refused without its MAC, with another document’s, and with another version’s', () => {
    const [document, other] = [fullDocument(), fullDocument(2)];
    const { mac, ...without } = document;
    expect(opens(without)).toBe(false);
    for (const mac of ['', 'AAAA', other.mac ?? '']) expect(opens({ ...document, mac })).toBe(false);
    expect(opens({ ...without, mac })).toBe(true);
  });

  it('is refused where its header says that it has no MAC', () => {
    const { mac, crypto, ...rest } = fullDocument();
    if (mac === undefined || crypto === undefined) throw new Error('not sealed');
    expect(opens({ ...rest, mac, crypto: { ...crypto, v: 1 } })).toBe(false);
    expect(opens({ ...rest, crypto: { ...crypto, v: 1 } })).toBe(false);
  });
});

describe('An earlier version of an environment', () => {
  const earlier = fullDocument();
  const secrets = EnvironmentSecrets.of(ring, earlier);
  const now = secrets.sealed({
    ...earlier,
    ...{ name: 'Renamed', slug: 'renamed', data: new Map() },
    version: { id: 'ver-2', number: 2, message: '', previous: 'ver-1' },
  });
  const revision = outgoing(earlier);

  it('opens in the place of the current one, under its name of now', () => {
    const view = atRevision(now, revision);
    expect(view).toMatchObject({ slug: 'renamed', version: { number: 1 } });
    expect(opens(view)).toBe(true);
    expect(EnvironmentSecrets.of(ring, view).open('TOKEN', view.data.get('TOKEN')?.value ?? '')).toBe(
      'secret',
    );
  });

  it('is refused with any one change to what is kept of it', () => {
    for (const [name, value] of Object.entries(revision)) {
      // It is found by its id, which says the same as its version.
      if (name === '_id' || name === 'mac') continue;
      for (const changed of changesOf(value)) {
        const altered = { ...revision, [name]: changed };
        const extra = name === 'named' && Object.hasOwn(changed as object, 'another');
        expect([name, changed, opens(atRevision(now, altered))]).toEqual([name, changed, extra]);
      }
    }
  });

  it('is refused without its MAC, with the one of the current version, and in that one’s place', () => {
    const { mac, ...without } = revision;
    expect(mac).toBeDefined();
    expect(opens(atRevision(now, without))).toBe(false);
    expect(opens(atRevision(now, { ...revision, mac: now.mac ?? '' }))).toBe(false);
    expect(opens({ ...asItWas(now, revision), version: now.version })).toBe(false);
  });

  it('is refused where the environment that leads to it was changed, which may be another one by now', () => {
    expect(opens(atRevision({ ...now, slug: 'prod' }, revision))).toBe(false);
  });

  it('brings nothing along that is not kept of a version: no header, and nobody else’s word for it', () => {
    const named = { ...revision.named, crypto: undefined, mac: undefined, org: 'other', earlier: undefined };
    const { crypto, org } = atRevision(now, { ...revision, named } as unknown as RevisionDocument);
    expect([crypto, org]).toEqual([now.crypto, now.org]);
  });
});
