import { create } from '@bufbuild/protobuf';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { type Connection, createConnection } from 'mongoose';
import type { ContextDocument } from './context-document';
import { ContextStore } from './contexts.store';

const HOUR = 3_600_000;
let mongo: EmbeddedServer & { readonly url: string };
let connection: Connection;
let store: ContextStore;
/** How far the store's clock is ahead. */
let aheadMs = 0;
const commands: { readonly name: string; readonly command: Readonly<Record<string, unknown>> }[] = [];

beforeAll(async () => {
  mongo = await startMongo();
  connection = await createConnection(mongo.url, {
    dbName: 'stigmer_contexts',
    promoteBuffers: true,
    monitorCommands: true,
  }).asPromise();
  connection.getClient().on('commandStarted', ({ commandName: name, command }) => {
    commands.push({ name, command });
  });
  store = new ContextStore(connection, () => Date.now() + aheadMs);
  await store.prepare();
});

afterAll(async () => {
  await connection.close();
  await mongo.stop();
});

function document(id: string, over: Partial<ContextDocument> = {}): ContextDocument {
  const made = { by: 'alice', at: new Date() };
  return {
    ...{ _id: `exec-${id}`, execution_id: `aex-${id}`, origin: 'run', org: 'acme', slug: `exec-${id}` },
    metadata: create(ApiResourceMetadataSchema, { labels: { ['a.b$c']: 'x', _bsontype: 'ObjectId' } }),
    version: { id: 'ver-1', message: '', previous: '' },
    ...{ created: made, updated: made, expires_at: new Date(Date.now() + 60_000) },
    crypto: { v: 1, kid: 'k', wdek: `wdek-${id}`, commitment: 'c' },
    sealed: Buffer.from([0, 1, 2, 255]),
    ...over,
  };
}

describe('The store of contexts', () => {
  it('gives back what it was given, to the byte', async () => {
    const stored = document('same');
    expect(await store.insert(stored)).toBe(true);
    expect(await store.findById('exec-same')).toEqual(stored);
    expect(await store.findByExecution('aex-same', 'run')).toEqual(stored);
    expect(await store.findBySlug('acme', 'exec-same', 'run')).toEqual(stored);
  });

  it('destroys the data key first, on a majority, and the document after it', async () => {
    await store.insert(document('gone'));
    commands.length = 0;
    expect(await store.destroy('aex-gone', 'run')).toBe(true);
    expect(commands.map(({ name }) => name)).toEqual(['update', 'delete']);
    const [unset, removed] = commands.map(({ command }) => command);
    expect(unset).toMatchObject({
      updates: [{ q: { execution_id: 'aex-gone', origin: 'run' }, u: { $unset: { crypto: 1 } } }],
      writeConcern: { w: 'majority' },
    });
    expect(removed).toMatchObject({ writeConcern: { w: 'majority' } });
  });

  it('asks for names and times alone when it lists', async () => {
    await store.insert(document('listed'));
    commands.length = 0;
    const page = await store.page(new Date(Date.now() + 1_000), 10, '');
    expect(page.map(({ execution_id }) => execution_id)).toContain('aex-listed');
    const [find] = commands;
    expect(find?.command['projection']).toEqual({ execution_id: 1, org: 1, created: 1, expires_at: 1 });
  });

  it('does not renew what was renewed or destroyed since it was read', async () => {
    const read = document('raced');
    await store.insert(read);
    const until = new Date(Date.now() + 120_000);
    const under = (wdek: string) => ({ ...read, crypto: { ...read.crypto, wdek }, expires_at: until });
    expect(await store.update(read, under('second'))).toBe(true);
    expect(await store.update(read, under('third'))).toBe(false);
    const renewed = (await store.findById(read._id)) ?? read;
    expect(renewed.crypto.wdek).toBe('second');
    await store.destroy(read.execution_id, 'run');
    expect(await store.update(renewed, under('fourth'))).toBe(false);
  });

  it('keeps a run and a client apart who use the same execution id and slug', async () => {
    const run = document('shared');
    const made = document('shared', { _id: 'exec-other', origin: 'gateway' });
    expect(await store.insert(run)).toBe(true);
    expect(await store.insert(made)).toBe(true);
    expect(await store.findByExecution('aex-shared', 'run')).toEqual(run);
    await store.destroy('aex-shared', 'gateway');
    expect(await store.findByExecution('aex-shared', 'run')).toEqual(run);
  });

  it.each([
    ['_id', 'exec-taken'],
    ['slug', 'exec-taken'],
    ['execution_id', 'aex-taken'],
  ] as const)(
    'refuses a second context with the same %s, unless the first one is dead',
    async (column, value) => {
      await store.destroy('aex-taken', 'run');
      await store.insert(document('taken', { expires_at: new Date(Date.now() + HOUR) }));
      const second = document(`second-${column}`, { [column]: value });
      expect(await store.insert(second)).toBe(false);
      aheadMs = HOUR + 1_000;
      expect(await store.insert(second)).toBe(true);
      await store.destroy(second.execution_id, 'run');
      aheadMs = 0;
    },
  );

  it('says UNAVAILABLE when the database is gone, and nothing of its address', async () => {
    const lost = await startMongo();
    const other = await createConnection(lost.url, {
      dbName: 'stigmer_contexts',
      serverSelectionTimeoutMS: 2_000,
      bufferCommands: false,
    }).asPromise();
    await lost.stop();
    const call = new ContextStore(other, Date.now).findById('exec-1');
    await expect(call).rejects.toMatchObject({ kind: 'unavailable', message: 'the database is unavailable' });
    await other.close();
  });
});
