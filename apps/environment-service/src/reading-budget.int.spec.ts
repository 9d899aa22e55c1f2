import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { importKey, KeyRing } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { OpenEnvironmentsInputSchema } from '@stigmer/proto/internal/v1/environment_vault';
import { createLogger } from '@stigmer/service';
import { type Connection, createConnection, type mongo } from 'mongoose';
import { EnvironmentBatches } from './environment-batches';
import { EnvironmentCache } from './environment-cache';
import { EnvironmentReader } from './environment-reader';
import { EnvironmentReadStore } from './environment-reads.store';
import { READ_AT_ONCE, ReadingBudget } from './reading-budget';
import { RevisionStore } from './revisions.store';
import { Versions } from './versions';

const ORG = 'acme';
const VALUE = 'x'.repeat(1_000);
const COUNT = 5 * READ_AT_ONCE;

type Row = mongo.Document & { readonly _id: string };

let server: EmbeddedServer & { readonly url: string };
let connection: Connection;
/** How many documents came from the database since this was last set to 0. */
let read = 0;

beforeAll(async () => {
  server = await startMongo();
  connection = await createConnection(server.url, { dbName: 'budget', monitorCommands: true }).asPromise();
  connection.getClient().on('commandSucceeded', ({ commandName, reply }) => {
    if (commandName === 'find' || commandName === 'getMore') read += documentsIn(reply);
  });
  const slugs = Array.from({ length: COUNT }, (_, i) => `e${i}`);
  await connection.collection<Row>('environments').insertMany(slugs.map((slug) => row(`env-${slug}`, slug)));
  await connection.collection<Row>('revisions').insertMany(slugs.map((slug) => earlier(slug)));
});

afterAll(async () => {
  await connection.close();
  await server.stop();
});

function documentsIn(reply: unknown): number {
  const { cursor = {} } = reply as { readonly cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
  return (cursor.firstBatch ?? cursor.nextBatch ?? []).length;
}

const content = {
  ...{ owner_scope: 2, labels: {}, annotations: {}, tags: [], description: '', imports: [] },
  data: { A: { value: VALUE, is_secret: false, description: '', optional: false } },
  changes: { added: [], changed: [], removed: [] },
};
const stamp = { by: 'alice', at: new Date(0) };

function row(_id: string, slug: string): Row {
  const version = { id: `ver-${slug}-2`, number: 2, message: '', previous: `ver-${slug}` };
  return {
    _id,
    ...content,
    org: ORG,
    slug,
    name: slug,
    lineage: `ver-${slug}`,
    version,
    created: stamp,
    updated: stamp,
  };
}

function earlier(slug: string): Row {
  const version = { id: `ver-${slug}`, number: 1, message: '', previous: '' };
  return { _id: version.id, ...content, lineage: version.id, version, written: stamp };
}

function readerWith(cacheBytes: number): EnvironmentReader {
  return new EnvironmentReader({
    store: new EnvironmentReadStore(connection),
    versions: new Versions(new RevisionStore(connection)),
    cache: new EnvironmentCache(cacheBytes),
    log: createLogger('environment-service', 'silent'),
  });
}

function references(count: number, version = '') {
  return Array.from({ length: count }, (_, i) => ({ org: '', slug: `e${i}`, version }));
}

describe('What a run may read', () => {
  it('is bounded: what is too much is refused after a step of the documents, and not after all of them', async () => {
    const reader = readerWith(0);
    const budget = new ReadingBudget(READ_AT_ONCE * VALUE.length);
    read = 0;
    const refusal = reader.find(ORG, references(COUNT), reader.fromNowOn, budget);
    await expect(refusal).rejects.toMatchObject({
      kind: 'resource-exhausted',
      message: expect.stringContaining(`over ${READ_AT_ONCE * VALUE.length} bytes`),
    });
    expect(read).toBe(2 * READ_AT_ONCE);
  });

  it('is the sum over all of its questions, as when imports are followed', async () => {
    const reader = readerWith(0);
    const budget = new ReadingBudget(3 * VALUE.length);
    await reader.find(ORG, references(2), reader.fromNowOn, budget);
    await expect(reader.find(ORG, references(2), reader.fromNowOn, budget)).rejects.toMatchObject({
      kind: 'resource-exhausted',
    });
  });

  it('counts earlier versions, each once however often it is named', async () => {
    const reader = readerWith(10_000_000);
    await reader.find(ORG, references(COUNT), reader.fromNowOn);
    const budget = new ReadingBudget(READ_AT_ONCE * VALUE.length);
    read = 0;
    const same = Array.from({ length: 100 }, () => ({ org: '', slug: 'e0', version: '1' }));
    expect(await reader.find(ORG, same, reader.lately, budget)).toHaveLength(100);
    expect(read).toBe(1);
    read = 0;
    await expect(reader.find(ORG, references(COUNT, '1'), reader.lately, budget)).rejects.toMatchObject({
      kind: 'resource-exhausted',
    });
    expect(read).toBe(READ_AT_ONCE);
  });

  it('is everything that fits, in the order of the references, and what is cached costs nothing', async () => {
    const reader = readerWith(10_000_000);
    const enough = new ReadingBudget(COUNT * VALUE.length);
    const found = await reader.find(ORG, references(COUNT), reader.fromNowOn, enough);
    expect(found.map((document) => document?.slug)).toEqual(references(COUNT).map(({ slug }) => slug));
    read = 0;
    expect(await reader.find(ORG, references(COUNT), reader.lately, new ReadingBudget(0))).toEqual(found);
    expect(read).toBe(0);
  });

  it('is the same for what a run names and for what that imports, redacted or not', async () => {
    const importing = Array.from({ length: 4 }, (_, i) => ({
      scope: 2,
      org: '',
      slug: `e${i}`,
      version: '',
    }));
    await connection
      .collection<Row>('environments')
      .insertOne({ ...row('env-app', 'app'), imports: importing });
    const keys = { current: new KeyRing(importKey(randomBytes(32))) };
    const log = createLogger('environment-service', 'silent');
    const opened = (values: number, redacted: boolean) => {
      const batches = new EnvironmentBatches(readerWith(0), keys, log, values * VALUE.length);
      const references = [{ slug: 'app' }, { slug: 'e9' }];
      return batches.open(create(OpenEnvironmentsInputSchema, { org: ORG, references, redacted }));
    };
    for (const redacted of [true, false]) {
      await opened(6, redacted);
      await expect(opened(5, redacted)).rejects.toMatchObject({ kind: 'resource-exhausted' });
    }
  });
});
