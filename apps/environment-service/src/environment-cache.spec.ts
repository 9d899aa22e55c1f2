import { EnvironmentCache } from './environment-cache';
import type { EnvironmentDocument, StoredVariable } from './environment-document';
import { documentOf } from './testing/documents';

const variable: StoredVariable = {
  value: 'x'.repeat(1_000),
  is_secret: false,
  description: '',
  optional: false,
  final: false,
};

function environment(id: string, parts: Partial<EnvironmentDocument> = {}): EnvironmentDocument {
  return documentOf({ _id: id, slug: id, data: new Map([['A', variable]]), ...parts });
}

const ROOM = 1024 * 1024;

describe('The cache of environments', () => {
  it('gives back what was put, by its id and by the names that meant it', () => {
    const cache = new EnvironmentCache(ROOM);
    const document = environment('env-1');
    cache.put(document, 5);
    cache.putName('acme', 'prod', 'env-1', 6);
    expect(cache.byId('env-1')).toMatchObject({ document, confirmedAt: 5 });
    expect(cache.byName('acme', 'prod')).toMatchObject({ entry: { document }, confirmedAt: 6 });
    expect(cache.byName('other', 'prod')).toBeUndefined();
  });

  it('stays under its bound, and forgets first what was not used for longest', () => {
    const cache = new EnvironmentCache(45_000);
    for (const id of ['a', 'b', 'c']) cache.put(environment(id), 1);
    cache.byId('a');
    for (const id of ['d', 'e', 'f']) {
      cache.put(environment(id), 1);
      expect(cache.bytes).toBeLessThanOrEqual(45_000);
    }
    expect(cache.byId('a')).toBeDefined();
    expect(cache.byId('b')).toBeUndefined();
  });

  it('counts names towards the bound and takes them away with their environment', () => {
    const cache = new EnvironmentCache(ROOM);
    cache.put(environment('a'), 1);
    const alone = cache.bytes;
    cache.putName('acme', 'a', 'a', 1);
    cache.putName('acme', 'a', 'a', 2);
    expect(cache.bytes).toBeGreaterThan(alone);
    cache.dropName('acme', 'a');
    expect(cache.bytes).toBe(alone);
    cache.putName('acme', 'a', 'a', 3);
    cache.drop('a');
    expect([cache.bytes, cache.size, cache.byName('acme', 'a')]).toEqual([0, 0, undefined]);
  });

  it('keeps nothing larger than itself, and nothing at all where it has no room', () => {
    const cache = new EnvironmentCache(0);
    cache.put(environment('a'), 1);
    cache.putName('acme', 'a', 'a', 1);
    expect([cache.bytes, cache.size]).toEqual([0, 0]);
  });

  it('never lets the answer to an older question take the place of a newer one', () => {
    const cache = new EnvironmentCache(ROOM);
    const [older, newer] = [environment('a', { name: 'older' }), environment('a', { name: 'newer' })];
    cache.put(newer, 2);
    cache.put(older, 1);
    expect(cache.byId('a')?.document.name).toBe('newer');
  });

  it('takes no answer to a question that was asked before a change, neither for the id nor for its names', () => {
    const cache = new EnvironmentCache(ROOM);
    const document = environment('a');
    cache.put(document, 1);
    cache.putName('acme', 'a', 'a', 1);
    cache.changed({ _id: 'a', org: 'acme', slug: 'a' }, 5);
    cache.put(document, 4);
    expect(cache.byId('a')).toBeUndefined();
    cache.put(document, 6);
    cache.putName('acme', 'a', 'a', 4);
    expect(cache.byName('acme', 'a')).toBeUndefined();
    cache.putName('acme', 'a', 'a', 6);
    expect(cache.byName('acme', 'a')).toBeDefined();
  });

  it('confirms an entry only with what was asked after its last change', () => {
    const cache = new EnvironmentCache(ROOM);
    cache.put(environment('a'), 1);
    const before = cache.byId('a');
    if (before === undefined) throw new Error('nothing was kept');
    cache.changed({ _id: 'a', org: 'acme', slug: 'a' }, 5);
    cache.confirm(before, 4);
    expect(before.confirmedAt).toBe(1);
    cache.confirm(before, 6);
    expect(before.confirmedAt).toBe(6);
  });

  it('remembers changes in bounded memory, and is only more careful about those it has forgotten', () => {
    const cache = new EnvironmentCache(ROOM);
    cache.changed({ _id: 'first', org: 'acme', slug: 'first' }, 5);
    for (let i = 0; i < 10_000; i++) cache.changed({ _id: `e${i}`, org: 'acme', slug: `s${i}` }, 6);
    cache.put(environment('first'), 4);
    expect(cache.byId('first')).toBeUndefined();
    cache.put(environment('first'), 7);
    expect(cache.byId('first')).toBeDefined();
  });
});
