import { randomBytes } from 'node:crypto';
import { type CryptoHeader, importKey, KeyRing } from '@stigmer/crypto';
import { eventually, idOf, names, ringFixture } from '../testing/fixture';
import { MemorySource, openReplica, opens, Things } from '../testing/ring';
import type { ManagedKeyRing } from './managed-key-ring';

const ring = ringFixture('rewrap');
const replica: typeof ring.replica = (...args) => ring.replica(...args);

describe('a re-wrap', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const finished = async (opened: ManagedKeyRing): Promise<void> =>
    eventually('the re-wrap is finished', async () => (await opened.status()).rewrap?.running === false);
  const withBothKeys = async () => {
    const { connection } = ring;
    const documents = new Things(connection);
    const opened = await replica({ connection, source: new MemorySource([first, second]), documents });
    return { documents, opened };
  };

  it('brings everything under the active key and counts as it goes', async () => {
    const { documents, opened } = await withBothKeys();
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
    const { documents, opened } = await withBothKeys();
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

  it('ends with the documents under a key that nobody holds as failed', async () => {
    const { documents, opened } = await withBothKeys();
    await documents.insert(opened.current, names(12));
    await documents.insert(new KeyRing(importKey(randomBytes(32))), ['orphan-1', 'orphan-2']);
    await documents.damage('thing-004');
    await opened.promote(idOf(second));
    expect((await opened.rewrap()).rewrap).toMatchObject({ total: 14 });
    await finished(opened);
    expect((await opened.status()).rewrap).toMatchObject({ total: 14, done: 11, failed: 3 });
    const failures = [];
    for await (const step of opened.verify()) failures.push(...step.failures);
    expect(failures.map(({ documentId }) => documentId)).toEqual(['thing-004', 'orphan-1', 'orphan-2']);
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
    const documents = new Things(ring.connection);
    const dying = new Things(ring.connection);
    let batches = 0;
    const death = Promise.withResolvers<never>();
    dying.rewrapBatch = async (ring, options) => {
      if (++batches < batch) return documents.rewrapBatch(ring, options);
      if (written) await documents.rewrapBatch(ring, options);
      return death.promise;
    };
    const owner = await openReplica({ connection: ring.connection, source, documents: dying });
    await documents.insert(owner.current, names(23));
    await owner.promote(idOf(second));
    await owner.rewrap();
    await eventually('the owner is dead', () => batches === batch);
    const heir = await replica({ connection: ring.connection, source, documents });
    await finished(heir);
    expect(await documents.countByKey()).toEqual(new Map([[idOf(second), 23]]));
    const headers = await Promise.all(names(23).map((name) => documents.header(name)));
    expect(headers.every((header, i) => opens(heir.current, names(23)[i] ?? '', header))).toBe(true);
    death.reject(new Error('killed'));
    await owner.close();
  });

  it('is not started twice', async () => {
    const { documents, opened } = await withBothKeys();
    await documents.insert(opened.current, names(30));
    await opened.promote(idOf(second));
    const [started] = await Promise.all([opened.rewrap(), opened.rewrap(), opened.rewrap()]);
    await finished(opened);
    const { rewrap } = await opened.status();
    expect(rewrap).toMatchObject({ done: 30, started_at: started.rewrap?.started_at });
  });

  it('opens nothing wrongly to those who read and write meanwhile', async () => {
    const documents = new Things(ring.connection);
    const shared = [first, second];
    const one = await replica({ connection: ring.connection, source: new MemorySource(shared), documents });
    const two = await replica({ connection: ring.connection, source: new MemorySource(shared), documents });
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
