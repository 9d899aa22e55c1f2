import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CryptoHeader, importKey, KeyRing } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { createLogger } from '@stigmer/service';
import { connectMongo } from '@stigmer/mongo';
import type { Connection } from 'mongoose';
import { MemorySource, openReplica, opens, Things } from '../testing/ring';
import type { ManagedKeyRing } from './managed-key-ring';

const log = createLogger('keys-spec', 'silent');
const DEADLINE_MS = 30_000;
const idOf = (key: Buffer): string => importKey(Buffer.from(key)).id;
const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `thing-${String(i).padStart(3, '0')}`);

let mongo: EmbeddedServer & { readonly url: string };
let connection: Connection;
let databases = 0;
const replicas: ManagedKeyRing[] = [];

/** Opens a replica that the end of the test closes. */
const replica = async (...args: Parameters<typeof openReplica>): Promise<ManagedKeyRing> => {
  const opened = await openReplica(...args);
  replicas.push(opened);
  return opened;
};

const ringRow = () => connection.collection<{ readonly _id: string }>('key_ring');

const eventually = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
};

beforeAll(async () => {
  mongo = await startMongo();
});
beforeEach(async () => {
  connection = await connectMongo(mongo.url, `keys_spec_${databases++}`, log);
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((opened) => opened.close()));
  await connection.close();
});
afterAll(() => mongo.stop());

describe('the start of a ring', () => {
  it('makes the first key the active one, once, however many replicas start', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const started = await Promise.all([
      replica({ connection, source: new MemorySource([first, second]) }),
      replica({ connection, source: new MemorySource([second, first]) }),
    ]);
    const active = started.map(({ current }) => current.active.id);
    expect(new Set(active).size).toBe(1);
    expect([idOf(first), idOf(second)]).toContain(active[0]);
  });

  it('follows the record and not the order of the configuration', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    await replica({ connection, source: new MemorySource([first, second]) });
    const later = await replica({ connection, source: new MemorySource([second, first]) });
    expect(later.current.active.id).toBe(idOf(first));
    expect(later.current.ids).toEqual([idOf(first), idOf(second)]);
  });

  it('carries over the record of an earlier version', async () => {
    const [recorded, other] = [randomBytes(32), randomBytes(32)];
    const rows = connection.collection<{ readonly _id: string; readonly fingerprint: string }>('key_ring');
    await rows.insertOne({ _id: 'active', fingerprint: idOf(recorded) });
    const opened = await replica({ connection, source: new MemorySource([other, recorded]) });
    expect(opened.current.active.id).toBe(idOf(recorded));
    expect(await rows.countDocuments({ _id: 'active' })).toBe(0);
  });

  it.each(['the record', 'the record of an earlier version', 'a document'])(
    'fails when %s names a key that is not there, naming it and the ones that are',
    async (where) => {
      const [needed, configured] = [randomBytes(32), randomBytes(32)];
      if (where === 'the record') {
        await (await openReplica({ connection, source: new MemorySource([needed]) })).close();
      } else if (where === 'a document') {
        await new Things(connection).insert(new KeyRing(importKey(Buffer.from(needed))), ['one']);
      } else {
        const rows = connection.collection<{ readonly _id: string; readonly fingerprint: string }>(
          'key_ring',
        );
        await rows.insertOne({ _id: 'active', fingerprint: idOf(needed) });
      }
      const start = replica({ connection, source: new MemorySource([configured]) });
      await expect(start).rejects.toThrow(
        `this database was written with the encryption key ${idOf(needed)}, configured: ${idOf(configured)}`,
      );
      const again = await replica({ connection, source: new MemorySource([configured, needed]) });
      expect(again.current.ids).toContain(idOf(needed));
    },
  );

  it('makes the first key where a source that keeps keys has none', async () => {
    const source = new MemorySource([]);
    const opened = await replica({ connection, source });
    expect((await source.load()).map(({ id }) => id)).toEqual([opened.current.active.id]);
  });

  it('fails without any key, saying what to do, where only an operator makes keys', async () => {
    const start = replica({ connection, source: new MemorySource([], false) });
    await expect(start).rejects.toThrow('add the key to the file');
  });
});

describe('a ring of several replicas', () => {
  it('adds a key that every replica that can reach it holds, and promotes it everywhere', async () => {
    const shared = [randomBytes(32)];
    const one = await replica({ connection, source: new MemorySource(shared) });
    const two = await replica({ connection, source: new MemorySource(shared) });
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
    const opened = await replica({ connection, source });
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
    const one = await replica({ connection, source: new MemorySource([first, second]) });
    const two = await replica({ connection, source: new MemorySource([first]), identity: 'the-other' });
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
    const opened = await replica({ connection, source: new MemorySource([randomBytes(32)]) });
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
    const opened = await replica({ connection, source, lines });
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
    const opened = await replica({ connection, source: new MemorySource([first]) });
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
    const one = await replica({ connection, source: new MemorySource([first]) });
    const things = new Things(connection);
    await things.insert(new KeyRing(importKey(Buffer.from(second))), ['foreign']);
    const { keys } = await one.status();
    expect(keys).toContainEqual(
      expect.objectContaining({ id: idOf(second), state: 'missing', documents: 1 }),
    );
  });
});

describe('retiring a key', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];

  it('is refused while the key is active', async () => {
    const opened = await replica({ connection, source: new MemorySource([first, second]) });
    await expect(opened.retire(idOf(first))).rejects.toThrow('is the active one: promote another key first');
  });

  it('is refused while documents need the key, with their number', async () => {
    const source = new MemorySource([first, second]);
    const opened = await replica({ connection, source });
    await new Things(connection).insert(opened.current, names(3));
    await opened.promote(idOf(second));
    await expect(opened.retire(idOf(first))).rejects.toMatchObject({
      kind: 'failed-precondition',
      message: `the key ${idOf(first)} is needed by 3 documents: re-wrap first`,
    });
    expect(source.destroyed).toEqual([]);
    expect(opened.current.ids).toContain(idOf(first));
  });

  it('is refused while values in older forms may need the key', async () => {
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    documents.legacy = 7;
    await expect(opened.retire(idOf(second))).rejects.toThrow('may be needed by 7 values in older forms');
  });

  it('ends its use everywhere and for good, and destroys it where it is kept', async () => {
    const shared = [first, second];
    const source = new MemorySource(shared);
    const one = await replica({ connection, source });
    const two = await replica({ connection, source: new MemorySource(shared) });
    await one.promote(idOf(second));
    const { keys } = await one.retire(idOf(first));
    expect(keys).toContainEqual(expect.objectContaining({ id: idOf(first), state: 'retired', holders: 0 }));
    expect(source.destroyed).toEqual([idOf(first)]);
    expect(one.current.ids).toEqual([idOf(second)]);
    expect(two.current.ids).toEqual([idOf(second)]);
    await expect(one.promote(idOf(first))).rejects.toThrow('is retired');
    // Not even where an operator still has it in a file.
    const three = await replica({ connection, source: new MemorySource([first, second]) });
    expect(three.current.ids).toEqual([idOf(second)]);
    // Again, as after a process that died between the mark and the destruction.
    await one.retire(idOf(first));
    expect(source.destroyed).toEqual([idOf(first), idOf(first)]);
  });

  it('notices a document that is written under the key while it is being retired', async () => {
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    const old = opened.current;
    await opened.promote(idOf(second));
    // The second count is the one after the announcement.
    let counts = 0;
    const counted = documents.countByKey.bind(documents);
    documents.countByKey = async () => {
      if (++counts === 2) await documents.insert(old, ['late']);
      return counted();
    };
    await expect(opened.retire(idOf(first))).rejects.toThrow('is needed by 1 document');
    documents.countByKey = counted;
    expect(opens(opened.current, 'late', await documents.header('late'))).toBe(true);
    await opened.promote(idOf(first));
    expect(opened.current.active.id).toBe(idOf(first));
  });
});

describe('a re-wrap', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const finished = async (opened: ManagedKeyRing): Promise<void> =>
    eventually('the re-wrap is finished', async () => (await opened.status()).rewrap?.running === false);

  it('brings everything under the active key and counts as it goes', async () => {
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    await documents.insert(opened.current, names(23));
    await opened.promote(idOf(second));
    expect((await opened.rewrap()).rewrap).toMatchObject({ total: 23 });
    await finished(opened);
    const status = await opened.status();
    expect(status.rewrap).toMatchObject({ running: false, total: 23, done: 23, failed: 0 });
    expect(await documents.countByKey()).toEqual(new Map([[idOf(second), 23]]));
    await opened.retire(idOf(first));
    for (const name of names(23))
      expect(opens(opened.current, name, await documents.header(name))).toBe(true);
  });

  it('leaves what does not open as it is, counts it, and ends all the same', async () => {
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    await documents.insert(opened.current, names(12));
    await documents.damage('thing-004');
    await opened.promote(idOf(second));
    await opened.rewrap();
    await finished(opened);
    expect((await opened.status()).rewrap).toMatchObject({ done: 11, failed: 1 });
    await expect(opened.retire(idOf(first))).rejects.toThrow('is needed by 1 document');
    const failures = [];
    for await (const step of opened.verify()) failures.push(...step.failures);
    expect(failures).toEqual([expect.objectContaining({ documentId: 'thing-004' })]);
  });

  // As a kill -9 between two writes: from then on the process that does the work does nothing more.
  it.each([
    ['before its first batch', 1, false],
    ['after its first batch and before it writes the progress down', 1, true],
    ['before its third batch', 3, false],
    ['after its third batch and before it writes the progress down', 3, true],
    ['before the pass that finds nothing left', 6, false],
  ] as const)('is taken over when its owner dies %s', async (_title, batch, written) => {
    const source = new MemorySource([first, second]);
    const documents = new Things(connection);
    const dying = new Things(connection);
    let batches = 0;
    const death = Promise.withResolvers<never>();
    dying.rewrapBatch = async (ring, options) => {
      if (++batches < batch) return documents.rewrapBatch(ring, options);
      if (written) await documents.rewrapBatch(ring, options);
      return death.promise;
    };
    const owner = await openReplica({ connection, source, documents: dying });
    await documents.insert(owner.current, names(23));
    await owner.promote(idOf(second));
    await owner.rewrap();
    await eventually('the owner is dead', () => batches === batch);
    const heir = await replica({ connection, source, documents });
    await finished(heir);
    expect(await documents.countByKey()).toEqual(new Map([[idOf(second), 23]]));
    const headers = await Promise.all(names(23).map((name) => documents.header(name)));
    expect(headers.every((header, i) => opens(heir.current, names(23)[i] ?? '', header))).toBe(true);
    death.reject(new Error('killed'));
    await owner.close();
  });

  it('is not started twice', async () => {
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    await documents.insert(opened.current, names(30));
    await opened.promote(idOf(second));
    const [started] = await Promise.all([opened.rewrap(), opened.rewrap(), opened.rewrap()]);
    await finished(opened);
    const { rewrap } = await opened.status();
    expect(rewrap).toMatchObject({ done: 30, started_at: started.rewrap?.started_at });
  });

  it('opens nothing wrongly to those who read and write meanwhile', async () => {
    const documents = new Things(connection);
    const shared = [first, second];
    const one = await replica({ connection, source: new MemorySource(shared), documents });
    const two = await replica({ connection, source: new MemorySource(shared), documents });
    await documents.insert(one.current, names(20));
    let stop = false;
    const wrong: CryptoHeader[] = [];
    const load = [one, two].map(async (through, writer) => {
      for (let round = 0; !stop; round++) {
        const name = names(20)[round % 20] ?? '';
        const header = await documents.header(name);
        if (!opens(through.current, name, header)) wrong.push(header);
        await documents.insert(through.current, [`written-${writer}-${round}`]);
      }
    });
    await one.promote(idOf(second));
    await two.rewrap();
    await finished(one);
    await one.retire(idOf(first));
    stop = true;
    await Promise.all(load);
    expect(wrong).toEqual([]);
    const { keys, documents: total } = await two.status();
    expect(keys[0]).toMatchObject({ id: idOf(second), documents: total });
    for await (const { failures } of two.verify()) expect(failures).toEqual([]);
  });
});
