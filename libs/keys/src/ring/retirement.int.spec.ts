import { randomBytes } from 'node:crypto';
import { idOf, names, ringFixture } from '../testing/fixture';
import { MemorySource, opens, Things } from '../testing/ring';

const ring = ringFixture('retirement');
const replica: typeof ring.replica = (...args) => ring.replica(...args);

describe('retiring a key', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];

  it('is refused while the key is active', async () => {
    const opened = await replica({ connection: ring.connection, source: new MemorySource([first, second]) });
    await expect(opened.retire(idOf(first))).rejects.toThrow('is the active one: promote another key first');
  });

  it('is refused while documents need the key, with their number', async () => {
    const source = new MemorySource([first, second]);
    const opened = await replica({ connection: ring.connection, source });
    await new Things(ring.connection).insert(opened.current, names(3));
    await opened.promote(idOf(second));
    await expect(opened.retire(idOf(first))).rejects.toMatchObject({
      kind: 'failed-precondition',
      message: `the key ${idOf(first)} is needed by 3 documents: re-wrap first`,
    });
    expect(source.destroyed).toEqual([]);
    expect(opened.current.ids).toContain(idOf(first));
  });

  it('is refused while values in older forms may need the key', async () => {
    const documents = new Things(ring.connection);
    const opened = await replica({
      connection: ring.connection,
      source: new MemorySource([first, second]),
      documents,
    });
    documents.legacy = 7;
    await expect(opened.retire(idOf(second))).rejects.toThrow('may be needed by 7 values in older forms');
  });

  it('ends its use everywhere and for good, and destroys it where it is kept', async () => {
    const shared = [first, second];
    const source = new MemorySource(shared);
    const one = await replica({ connection: ring.connection, source });
    const two = await replica({ connection: ring.connection, source: new MemorySource(shared) });
    await one.promote(idOf(second));
    const { keys } = await one.retire(idOf(first));
    expect(keys).toContainEqual(expect.objectContaining({ id: idOf(first), state: 'retired', holders: 0 }));
    expect(source.destroyed).toEqual([idOf(first)]);
    expect(one.current.ids).toEqual([idOf(second)]);
    expect(two.current.ids).toEqual([idOf(second)]);
    await expect(one.promote(idOf(first))).rejects.toThrow('is retired');
    // Not even where an operator still has it in a file.
    const three = await replica({ connection: ring.connection, source: new MemorySource([first, second]) });
    expect(three.current.ids).toEqual([idOf(second)]);
    // Again, as after a process that died between the mark and the destruction.
    await one.retire(idOf(first));
    expect(source.destroyed).toEqual([idOf(first), idOf(first)]);
  });

  it('notices a document that is written under the key while it is being retired', async () => {
    const documents = new Things(ring.connection);
    const opened = await replica({
      connection: ring.connection,
      source: new MemorySource([first, second]),
      documents,
    });
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

  it('is taken back, before the key is destroyed, for a document that arrives after the key was marked', async () => {
    const documents = new Things(ring.connection);
    const source = new MemorySource([first, second]);
    const opened = await replica({ connection: ring.connection, source, documents });
    const old = opened.current;
    await opened.promote(idOf(second));
    let counts = 0;
    const counted = documents.countByKey.bind(documents);
    documents.countByKey = async () => {
      if (++counts === 3) await documents.insert(old, ['late']);
      return counted();
    };
    await expect(opened.retire(idOf(first))).rejects.toThrow('is needed by 1 document');
    documents.countByKey = counted;
    expect(source.destroyed).toEqual([]);
    expect((await opened.status()).keys).toContainEqual(
      expect.objectContaining({ id: idOf(first), state: 'standby', documents: 1 }),
    );
    expect(opens(opened.current, 'late', await documents.header('late'))).toBe(true);
  });
});
