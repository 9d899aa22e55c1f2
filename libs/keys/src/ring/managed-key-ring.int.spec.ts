import { randomBytes } from 'node:crypto';
import { importKey, KeyRing } from '@stigmer/crypto';
import { eventually, idOf, ringFixture } from '../testing/fixture';
import { MemorySource, openReplica, Things } from '../testing/ring';

const ring = ringFixture('rings');
const replica: typeof ring.replica = (...args) => ring.replica(...args);

const ringRow = () => ring.connection.collection<{ readonly _id: string }>('key_ring');

describe('the start of a ring', () => {
  it('makes the first key the active one, once, however many replicas start', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const started = await Promise.all([
      replica({ connection: ring.connection, source: new MemorySource([first, second]) }),
      replica({ connection: ring.connection, source: new MemorySource([second, first]) }),
    ]);
    const active = started.map(({ current }) => current.active.id);
    expect(new Set(active).size).toBe(1);
    expect([idOf(first), idOf(second)]).toContain(active[0]);
  });

  it('follows the record and not the order of the configuration', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    await replica({ connection: ring.connection, source: new MemorySource([first, second]) });
    const later = await replica({ connection: ring.connection, source: new MemorySource([second, first]) });
    expect(later.current.active.id).toBe(idOf(first));
    expect(later.current.ids).toEqual([idOf(first), idOf(second)]);
  });

  it('carries over the record of an earlier version', async () => {
    const [recorded, other] = [randomBytes(32), randomBytes(32)];
    const rows = ring.connection.collection<{ readonly _id: string; readonly fingerprint: string }>(
      'key_ring',
    );
    await rows.insertOne({ _id: 'active', fingerprint: idOf(recorded) });
    const opened = await replica({
      connection: ring.connection,
      source: new MemorySource([other, recorded]),
    });
    expect(opened.current.active.id).toBe(idOf(recorded));
    expect(await rows.countDocuments({ _id: 'active' })).toBe(0);
  });

  it.each(['the record', 'the record of an earlier version', 'a document'])(
    'fails when %s names a key that is not there, naming it and the ones that are',
    async (where) => {
      const [needed, configured] = [randomBytes(32), randomBytes(32)];
      if (where === 'the record') {
        await (
          await openReplica({ connection: ring.connection, source: new MemorySource([needed]) })
        ).close();
      } else if (where === 'a document') {
        await new Things(ring.connection).insert(new KeyRing(importKey(Buffer.from(needed))), ['one']);
      } else {
        const rows = ring.connection.collection<{ readonly _id: string; readonly fingerprint: string }>(
          'key_ring',
        );
        await rows.insertOne({ _id: 'active', fingerprint: idOf(needed) });
      }
      const start = replica({ connection: ring.connection, source: new MemorySource([configured]) });
      await expect(start).rejects.toThrow(
        `this database was written with the encryption key ${idOf(needed)}, configured: ${idOf(configured)}`,
      );
      const again = await replica({
        connection: ring.connection,
        source: new MemorySource([configured, needed]),
      });
      expect(again.current.ids).toContain(idOf(needed));
    },
  );

  it('makes the first key where a source that keeps keys has none', async () => {
    const source = new MemorySource([]);
    const opened = await replica({ connection: ring.connection, source });
    expect((await source.load()).map(({ id }) => id)).toEqual([opened.current.active.id]);
  });

  it('fails without any key, saying what to do, where only an operator makes keys', async () => {
    const start = replica({ connection: ring.connection, source: new MemorySource([], false) });
    await expect(start).rejects.toThrow('add the key to the file');
  });
});

describe('a ring of several replicas', () => {
  it('adds a key that every replica that can reach it holds, and promotes it everywhere', async () => {
    const shared = [randomBytes(32)];
    const one = await replica({ connection: ring.connection, source: new MemorySource(shared) });
    const two = await replica({ connection: ring.connection, source: new MemorySource(shared) });
    const { keys } = await one.add();
    const added = keys.find(({ state }) => state === 'standby');
    expect(added).toMatchObject({ holders: 2, documents: 0 });
    const status = await one.promote(added?.id ?? '');
    expect(status.keys.map(({ id, state }) => [id, state])).toEqual([
      [added?.id, 'active'],
      [idOf(shared[0] ?? Buffer.alloc(0)), 'standby'],
    ]);
    expect(status.replicas.map(({ active }) => active)).toEqual([added?.id, added?.id]);
    expect(two.current.active.id).toBe(added?.id);
  });

  it('takes up a key that an operator puts into the source while it runs', async () => {
    const [first, late] = [randomBytes(32), randomBytes(32)];
    const source = new MemorySource([first], false);
    const opened = await replica({ connection: ring.connection, source });
    const changes: (readonly string[])[] = [];
    const end = opened.onChange(({ ids }) => changes.push(ids));
    source.put(late);
    await eventually('the key is there', () => opened.current.ids.includes(idOf(late)));
    expect(opened.current.active.id).toBe(idOf(first));
    expect(changes).toEqual([[idOf(first), idOf(late)]]);
    end();
    await opened.promote(idOf(late));
    expect(changes).toHaveLength(1);
    expect(opened.current.active.id).toBe(idOf(late));
  });

  it('refuses to promote a key that a live replica does not hold, and does so once that one is gone', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const one = await replica({ connection: ring.connection, source: new MemorySource([first, second]) });
    const two = await replica({
      connection: ring.connection,
      source: new MemorySource([first]),
      identity: 'the-other',
    });
    await expect(one.promote(idOf(second))).rejects.toMatchObject({
      kind: 'failed-precondition',
      message: expect.stringContaining('1 of 2 replicas do not hold it (the-other)'),
    });
    expect((await one.status()).keys[0]).toMatchObject({ id: idOf(first), state: 'active' });
    await two.close();
    await one.promote(idOf(second));
    expect(one.current.active.id).toBe(idOf(second));
  });

  it('says NOT_FOUND of a key that nobody has heard of', async () => {
    const opened = await replica({
      connection: ring.connection,
      source: new MemorySource([randomBytes(32)]),
    });
    await expect(opened.promote('0123456789abcdef')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(opened.retire('0123456789abcdef')).rejects.toMatchObject({ kind: 'not-found' });
    for (const odd of ['__proto__', 'constructor', 'a.b', '$set', '']) {
      await expect(opened.promote(odd)).rejects.toMatchObject({ kind: 'not-found' });
      await expect(opened.retire(odd)).rejects.toMatchObject({ kind: 'not-found' });
    }
  });

  // Only a replica that nobody saw while its key was promoted gets there.
  it('goes on with the key of before where the active one is not here, and says so once', async () => {
    const [first, unseen] = [randomBytes(32), randomBytes(32)];
    const source = new MemorySource([first]);
    const lines: string[] = [];
    const timings = { settleMs: 500 };
    const opened = await replica({ connection: ring.connection, source, lines, timings });
    await ringRow().updateOne({ _id: 'ring' }, { $set: { active: idOf(unseen) } });
    await eventually('it noticed', () => lines.some((line) => line.includes('the active key is not here')));
    await opened.status();
    expect(opened.current.active.id).toBe(idOf(first));
    await expect(opened.retire(idOf(first))).rejects.toThrow('may still be in use by the replicas');
    source.put(unseen);
    await eventually('it follows', () => opened.current.active.id === idOf(unseen));
    expect(lines.filter((line) => line.includes('the active key is not here'))).toHaveLength(1);
  });

  it('wraps nothing rather than wrapping with a retired key', async () => {
    const [first, unseen] = [randomBytes(32), randomBytes(32)];
    const opened = await replica({ connection: ring.connection, source: new MemorySource([first]) });
    await ringRow().updateOne(
      { _id: 'ring' },
      { $set: { active: idOf(unseen), [`keys.${idOf(first)}.retired_at`]: new Date() } },
    );
    const usable = (): boolean => {
      try {
        return opened.current.ids.length > 0;
      } catch {
        return false;
      }
    };
    await eventually('the key is no longer used', () => !usable());
    expect(() => opened.current).toThrow('no key that may still be used');
  });

  it('shows a key as missing that the record names and this process lost its way to', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const one = await replica({ connection: ring.connection, source: new MemorySource([first]) });
    const things = new Things(ring.connection);
    await things.insert(new KeyRing(importKey(Buffer.from(second))), ['foreign']);
    const { keys } = await one.status();
    expect(keys).toContainEqual(
      expect.objectContaining({ id: idOf(second), state: 'missing', documents: 1 }),
    );
  });
});
