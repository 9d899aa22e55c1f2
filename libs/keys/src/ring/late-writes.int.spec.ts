import { randomBytes } from 'node:crypto';
import { idOf, ringFixture } from '../testing/fixture';
import { MemorySource, opens, Things } from '../testing/ring';

const fixture = ringFixture('late_writes');
const NEVER_MS = 3_600_000;

/**
 * A replica that stands still, so that the others take it for dead, and another one that retires the key it was
 * writing under. `wake` is what the first one does before anything else once it goes on: it looks at the record.
 */
async function rotatedWithout(timings: { readonly asideMs?: number } = {}) {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const source = new MemorySource([first, second]);
  const documents = new Things(fixture.connection);
  const parts = { connection: fixture.connection, documents };
  const frozen = await fixture.replica({
    ...parts,
    source: new MemorySource([first, second]),
    timings: { pollMs: NEVER_MS, ...timings },
  });
  const old = frozen.current;
  const other = await fixture.replica({ ...parts, source, timings: { staleMs: 0, settleMs: 60_000 } });
  await other.promote(idOf(second));
  await other.retire(idOf(first));
  expect(source.destroyed).toEqual([idOf(first)]);
  const openable = async (id: string) => opens(other.current, id, await documents.header(id));
  return { frozen, old, first: idOf(first), documents, openable, wake: () => frozen.status() };
}

describe('a write under a key that was retired while its process stood still', () => {
  it('is brought under the active key when the process learns of it after the write', async () => {
    const { old, first, documents, openable, wake } = await rotatedWithout();
    await documents.insert(old, ['late']);
    expect((await documents.header('late')).kid).toBe(first);
    expect(await openable('late')).toBe(false);
    await wake();
    expect(await openable('late')).toBe(true);
  });

  it('is brought under the active key when the process learned of it before the write arrived', async () => {
    const { frozen, old, first, documents, openable, wake } = await rotatedWithout();
    await wake();
    expect(frozen.current.ids).not.toContain(first);
    await documents.insert(old, ['later']);
    await frozen.written(first);
    expect(await openable('later')).toBe(true);
  });

  it('is looked for again where the database could not be asked the first time', async () => {
    const { old, documents, openable, wake } = await rotatedWithout();
    await documents.insert(old, ['late']);
    const rewrap = documents.rewrapFrom.bind(documents);
    documents.rewrapFrom = () => Promise.reject(new Error('down'));
    await wake();
    documents.rewrapFrom = rewrap;
    expect(await openable('late')).toBe(false);
    await wake();
    expect(await openable('late')).toBe(true);
  });

  it('has failed, and says so, where the key is not in memory any more', async () => {
    const { frozen, old, first, documents, wake } = await rotatedWithout({ asideMs: 0 });
    await wake();
    await wake();
    await documents.insert(old, ['too late']);
    await expect(frozen.written(first)).rejects.toMatchObject({ kind: 'failed-precondition' });
  });
});

describe('any other write', () => {
  it('looks for nothing: under the active key, and under one whose retirement was taken back', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const documents = new Things(fixture.connection);
    const ring = await fixture.replica({
      connection: fixture.connection,
      source: new MemorySource([first, second]),
      documents,
    });
    const old = ring.current;
    await ring.promote(idOf(second));
    const counted = documents.countByKey.bind(documents);
    let counts = 0;
    documents.countByKey = async () => {
      if (++counts === 3) await documents.insert(old, ['late']);
      return counted();
    };
    await expect(ring.retire(idOf(first))).rejects.toThrow('is needed by 1 document');
    documents.countByKey = counted;
    await ring.promote(idOf(first));
    let looks = 0;
    documents.rewrapFrom = () => Promise.resolve(++looks);
    for (const id of [first, second].map(idOf)) await ring.written(id);
    expect(looks).toBe(0);
  });
});
