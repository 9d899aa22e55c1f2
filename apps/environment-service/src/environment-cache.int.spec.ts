import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type CryptoHeader, importKey, KeyRing, rewrap } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import { startMongo, startRedis } from '@stigmer/embedded';
import type { Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { createLogger } from '@stigmer/service';
import { Redis } from 'ioredis';
import { type Connection, createConnection } from 'mongoose';
import { EnvironmentCache } from './environment-cache';
import { EnvironmentReader } from './environment-reader';
import { EnvironmentReadStore } from './environment-reads.store';
import { RevisionStore } from './revisions.store';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { rewriteStored } from './testing/stored';
import { Versions } from './versions';

const CANARY = 'canary-4d81c0e7';
const key = randomBytes(32);
const other = randomBytes(32);
const DATABASE = 'stigmer_environments';

let mongo: Awaited<ReturnType<typeof startMongo>>;
let redis: Awaited<ReturnType<typeof startRedis>>;
let database: Connection;
/** Two replicas with a bus, and two that have lost theirs. */
let replicas: readonly TestService[];
let one: Replica;
let two: Replica;
let deafOne: Replica;
let deafTwo: Replica;

type Replica = ReturnType<typeof clientsOf>;

function clientsOf(service: TestService) {
  return { ...service.as('gateway'), vault: service.as('resolver-service').vault };
}

beforeAll(async () => {
  mongo = await startMongo();
  redis = await startRedis();
  const lost = await startRedis();
  const start = (redisUrl: string) =>
    startEnvironmentService({
      ...{ mongoUrl: mongo.url, redisUrl },
      ...{ key: key.toString('base64'), previous: other.toString('base64') },
    });
  const first = await start(redis.url);
  replicas = [first, await start(redis.url), await start(lost.url), await start(lost.url)];
  await lost.stop();
  database = await createConnection(mongo.url, { dbName: DATABASE }).asPromise();
  const [a, b, c, d] = replicas.map(clientsOf);
  if (a === undefined || b === undefined || c === undefined || d === undefined)
    throw new Error('no replicas');
  [one, two, deafOne, deafTwo] = [a, b, c, d];
});

afterAll(async () => {
  await database.close();
  await Promise.all(replicas.map((replica) => replica.close()));
  await redis.stop();
  await mongo.stop();
});

let count = 0;
/** An environment of an organization of its own. */
function environment(
  value: string,
  parts: MessageInitShape<typeof EnvironmentSchema>['spec'] = {},
  metadata: MessageInitShape<typeof EnvironmentSchema>['metadata'] = {},
): MessageInitShape<typeof EnvironmentSchema> {
  count += 1;
  return {
    ...{ apiVersion: 'agentic.stigmer.ai/v1', kind: 'Environment' },
    metadata: {
      name: 'prod',
      org: `org-${count}`,
      ownerScope: ApiResourceOwnerScope.organization,
      ...metadata,
    },
    spec: { data: { TOKEN: { value, isSecret: true }, PLAIN: { value } }, ...parts },
  };
}

function idOf({ metadata }: Environment): string {
  return metadata?.id ?? '';
}

function orgOf({ metadata }: Environment): string {
  return metadata?.org ?? '';
}

function set(replica: Replica, made: Environment, value: string): Promise<Environment> {
  const variables = { TOKEN: { value, isSecret: true }, PLAIN: { value } };
  return replica.commands.updateVariables({ environmentId: idOf(made), variables });
}

async function plain(replica: Replica, made: Environment): Promise<string | undefined> {
  return (await replica.queries.get({ value: idOf(made) })).spec?.data['PLAIN']?.value;
}

function open(replica: Replica, made: Environment, version = '') {
  return replica.vault.open({ org: orgOf(made), references: [{ slug: 'prod', version }] });
}

async function opened(replica: Replica, made: Environment, version = ''): Promise<string | undefined> {
  return (await open(replica, made, version)).environments.at(-1)?.data['TOKEN']?.value;
}

async function eventually<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  const end = Date.now() + 60_000;
  while (Date.now() < end && (await read()) !== wanted) await sleep(50);
  expect(await read()).toBe(wanted);
}

async function kindOf(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((failure: unknown) => failure);
  return error instanceof DomainError ? error.kind : 'no failure';
}

describe('A write', () => {
  it('is read at once by the replica that made it, with and without a bus', async () => {
    for (const replica of [one, deafOne]) {
      const made = await replica.commands.create(environment('0'));
      for (let i = 1; i <= 5; i++) {
        expect(await plain(replica, made)).toBe(`${i - 1}`);
        await set(replica, made, `${i}`);
        const bySlug = await replica.queries.getByReference({ org: orgOf(made), slug: 'prod' });
        expect(bySlug.spec?.data['PLAIN']?.value).toBe(`${i}`);
      }
    }
  });

  it('reaches the other replica over the bus before what that one holds would be looked at again', async () => {
    // Slower than that, and a replica without a bus would have looked again as well: so it is tried again.
    const inTime = async () => {
      const made = await one.commands.create(environment('old'));
      const begin = Date.now();
      await two.queries.get({ value: idOf(made) });
      await set(one, made, 'new');
      while (Date.now() - begin < 1_900)
        if ((await plain(two, made)) === 'new') return Date.now() - begin < 1_900;
      return false;
    };
    const tries: boolean[] = [];
    for (let i = 0; i < 20 && !tries.includes(true); i++) tries.push(await inTime());
    expect(tries).toContain(true);
  });

  it('is seen without a bus a little later, in what people read', async () => {
    const made = await deafOne.commands.create(environment('old'));
    expect(await plain(deafTwo, made)).toBe('old');
    await set(deafOne, made, 'new');
    await eventually(() => plain(deafTwo, made), 'new');
  });

  it('is in every run that comes after it, on every replica, also while the bus is down', async () => {
    const made = await deafOne.commands.create(environment('0'));
    for (let i = 1; i <= 15; i++) {
      await set(deafOne, made, `${i}`);
      const runs = await Promise.all([opened(deafTwo, made), opened(deafTwo, made), opened(deafOne, made)]);
      expect(runs).toEqual([`${i}`, `${i}`, `${i}`]);
    }
  });

  it('takes over a name at once: an id goes before the slug that a run meant until then', async () => {
    const made = await deafOne.commands.create(environment('by slug'));
    expect(await opened(deafTwo, made)).toBe('by slug');
    await deafOne.commands.create(environment('by id', {}, { org: orgOf(made), name: 'other', id: 'prod' }));
    expect(await opened(deafTwo, made)).toBe('by id');
    const prefixed = { org: orgOf(made), references: [{ slug: 'env-late' }] };
    await deafOne.commands.create(environment('late', {}, { org: orgOf(made), name: 'late' }));
    expect((await deafTwo.vault.open(prefixed)).environments[0]?.slug).toBe('late');
    await deafOne.commands.create(environment('', {}, { org: orgOf(made), name: 'env-late' }));
    expect((await deafTwo.vault.open(prefixed)).environments[0]?.slug).toBe('env-late');
  });
});

describe('A deleted environment', () => {
  it('is given to no run any more, and soon to nobody, without a bus', async () => {
    const made = await deafOne.commands.create(environment(CANARY));
    expect(await opened(deafTwo, made)).toBe(CANARY);
    await deafOne.commands.delete({ resourceId: idOf(made), force: true });
    expect((await open(deafTwo, made)).missing.map(({ slug }) => slug)).toEqual(['prod']);
    expect(await kindOf(deafOne.queries.get({ value: idOf(made) }))).toBe('not-found');
    await eventually(() => kindOf(deafTwo.queries.get({ value: idOf(made) })), 'not-found');
  });
});

describe('A header that was replaced while the version stayed', () => {
  async function header(made: Environment, change: (stored: CryptoHeader) => CryptoHeader): Promise<void> {
    const rows = database.collection<{ readonly _id: string; readonly crypto: CryptoHeader }>('environments');
    const row = await rows.findOne({ _id: idOf(made) });
    if (row === null) throw new Error('the environment is not there');
    await rows.updateOne({ _id: row._id }, { $set: { crypto: change(row.crypto) } });
  }

  it('is used at once: what was re-wrapped opens', async () => {
    const made = await deafOne.commands.create(environment(CANARY));
    expect(await opened(deafTwo, made)).toBe(CANARY);
    const ring = new KeyRing(importKey(Buffer.from(other)), [importKey(Buffer.from(key))]);
    const place = { kind: 'environment', org: orgOf(made), id: idOf(made) };
    await header(made, (stored) => rewrap(ring, place, stored));
    expect(await opened(deafTwo, made)).toBe(CANARY);
  });

  it('is the only one that counts: the one before it opens nothing any more, though it was cached', async () => {
    const made = await deafOne.commands.create(environment(CANARY));
    expect(await opened(deafTwo, made)).toBe(CANARY);
    await header(made, (stored) => ({
      ...stored,
      kid: '0'.repeat(16),
      wdek: stored.wdek.replace(/^..../, 'AAAA'),
    }));
    expect(await kindOf(open(deafTwo, made))).toBe('failed-precondition');
  });
});

describe('A reference that names a version', () => {
  it('opens and reads that version, by number, id and tag; a tag that moved is followed by the next run', async () => {
    const made = await deafOne.commands.create(environment('first'));
    const second = await set(deafOne, made, 'second');
    const tag = (version: string) =>
      deafOne.commands.tag({ environmentId: idOf(made), tag: 'stable', version });
    await tag('1');
    expect(await opened(deafTwo, made)).toBe('second');
    for (const version of ['1', 'stable', made.metadata?.version?.id ?? ''])
      expect(await opened(deafTwo, made, version)).toBe('first');
    await tag('2');
    expect(await opened(deafTwo, made, 'stable')).toBe('second');
    const pinned = await deafOne.queries.getByReference({ org: orgOf(made), slug: 'prod', version: '1' });
    expect(pinned.spec?.data['PLAIN']?.value).toBe('first');
    expect((await open(deafTwo, made, '2')).environments[0]?.revision).toBe(second.metadata?.version?.id);
    expect((await open(deafTwo, made, '7')).missing).toMatchObject([{ slug: 'prod', version: '7' }]);
    const missing = deafOne.queries.getByReference({ org: orgOf(made), slug: 'prod', version: '7' });
    await expect(missing).rejects.toThrow('Environment not found: prod@7');
  });
});

describe('An environment with imports', () => {
  const names = (replica: Replica, org: string, redacted = false) =>
    replica.vault.open({ org, references: [{ slug: 'app' }], redacted });

  it('is opened after what it imports, with the way that leads there, and with pinned versions', async () => {
    const base = await one.commands.create(environment('base-1'));
    const org = orgOf(base);
    await set(one, base, 'base-2');
    const imports = (...slugs: readonly string[]) => ({
      imports: slugs.map((text) => {
        const [slug = '', version = ''] = text.split('@');
        return { slug, version };
      }),
    });
    await one.commands.create(environment('mid', imports('prod'), { org, name: 'mid' }));
    await one.commands.create(environment('app', imports('mid', 'prod@1'), { org, name: 'app' }));
    const { environments, importProblems } = await names(two, org);
    expect(importProblems).toEqual([]);
    expect(environments.map(({ via, slug, data }) => [...via, slug, data['TOKEN']?.value])).toEqual([
      ['app', 'mid', 'prod', 'base-2'],
      ['app', 'mid', 'mid'],
      ['app', 'prod', 'base-1'],
      ['app', 'app'],
    ]);
    const redacted = await names(two, org, true);
    expect(redacted.environments.map(({ data }) => data['TOKEN']?.value)).toEqual(['', '', '', '']);
    expect(redacted.environments[0]?.secretBytes).toEqual({ TOKEN: 6 });
  });

  it('that two writes at the same time made go round is refused with the path, when it is opened', async () => {
    const first = await one.commands.create(environment('x', {}, { name: 'app' }));
    const second = await one.commands.create(environment('y', {}, { org: orgOf(first), name: 'base' }));
    // Each write was checked before the other one was there.
    const ring = new KeyRing(importKey(Buffer.from(key)));
    for (const [of, slug] of [[first, 'base'] as const, [second, 'app'] as const]) {
      const imported = { scope: 0, org: '', slug, version: '' };
      const version = { id: `ver-${slug}`, number: 2, message: '', previous: '' };
      const change = { imports: [imported], version };
      await rewriteStored(database.getClient().db(DATABASE), ring, idOf(of), change);
    }
    const { importProblems } = await names(two, orgOf(first));
    expect(importProblems.map(({ code, path }) => [code, ...path])).toEqual([
      ['import-cycle', 'app', 'base', 'app'],
    ]);
  });
});

describe('Questions to the database', () => {
  /** A reader of its own, and how many questions it asked since it was last asked for them. */
  async function countingReader() {
    const connection = await createConnection(mongo.url, {
      dbName: DATABASE,
      monitorCommands: true,
    }).asPromise();
    let asked = 0;
    let time = 0;
    connection.getClient().on('commandStarted', ({ commandName }) => {
      if (commandName === 'find') asked += 1;
    });
    const reader = new EnvironmentReader({
      store: new EnvironmentReadStore(connection),
      versions: new Versions(new RevisionStore(connection)),
      cache: new EnvironmentCache(1024 * 1024),
      log: createLogger('environment-service', 'silent'),
      // Time that passes with each look at it, and not while a busy machine does something else.
      now: () => (time += 0.001),
    });
    const questions = async (action: () => Promise<unknown>) => {
      asked = 0;
      await action();
      return asked;
    };
    return { reader, questions, close: () => connection.close() };
  }

  it('are none for what was just asked, one for a run, and few for many who miss the same at once', async () => {
    const made = await one.commands.create(environment('x'));
    const org = orgOf(made);
    for (const name of ['app', 'last'])
      await one.commands.create(environment(name, { imports: [{ slug: 'prod' }] }, { org, name }));
    const references = ['app', 'last', 'prod'].map((slug) => ({ org: '', slug, version: '' }));
    const { reader, questions, close } = await countingReader();
    const read = async (since: number) => {
      await reader.expect(org, references, since);
      return reader.find(org, references, since);
    };
    try {
      const cold = await questions(() => Promise.all(Array.from({ length: 100 }, () => read(reader.lately))));
      expect(cold).toBeLessThanOrEqual(8);
      expect(await questions(() => read(reader.lately))).toBe(0);
      expect(await questions(() => read(reader.fromNowOn))).toBe(1);
      const runs = await questions(() =>
        Promise.all(Array.from({ length: 100 }, () => read(reader.fromNowOn))),
      );
      expect(runs).toBeLessThanOrEqual(4);
      expect(await questions(() => reader.get(idOf(made), reader.lately))).toBe(0);
    } finally {
      await close();
    }
  });
});

describe('What a replica writes to its log about its cache', () => {
  it('are counters: how often it was enough, was confirmed or was read anew, and no value', async () => {
    const made = await one.commands.create(environment(CANARY));
    await opened(one, made);
    const lines = replicas.flatMap((replica) => replica.lines);
    expect(
      lines.filter((line) => line.includes('environment cache')).map((line) => JSON.parse(line) as object),
    ).toContainEqual(
      expect.objectContaining({
        ...{ cached: expect.any(Number) as number, confirmed: expect.any(Number) as number },
        ...{ read: expect.any(Number) as number, bytes: expect.any(Number) as number },
      }),
    );
    expect(lines.join('')).not.toContain(CANARY);
  });
});

describe('Redis', () => {
  it('holds nothing, and is told which environment changed: no value, no ciphertext, no key', async () => {
    const listener = new Redis(redis.url);
    const client = new Redis(redis.url);
    const heard: string[] = [];
    try {
      listener.on('message', (_channel, text) => heard.push(text));
      await listener.subscribe('stigmer:environments');
      const made = await one.commands.create(environment(CANARY));
      await set(two, made, `${CANARY}-2`);
      await opened(two, made);
      await one.commands.delete({ resourceId: idOf(made), force: true });
      await eventually(() => Promise.resolve(heard.length >= 3), true);
      expect(await client.keys('*')).toEqual([]);
      for (const text of heard) {
        expect(Object.keys(JSON.parse(text) as object).sort()).toEqual(['from', 'id', 'org', 'slug']);
        expect(text).not.toMatch(/canary|enc:v|wdek/);
      }
    } finally {
      listener.disconnect();
      client.disconnect();
    }
  });

  it('that says what nobody understands, or that everything changed, breaks nothing', async () => {
    const client = new Redis(redis.url);
    try {
      const made = await one.commands.create(environment(CANARY));
      for (const text of [
        '',
        'null',
        '{"id":1}',
        `{"from":"x","id":"${idOf(made)}","org":"","slug":"","data":{}}`,
      ])
        await client.publish('stigmer:environments', text);
      expect(await opened(two, made)).toBe(CANARY);
      expect(await plain(two, made)).toBe(CANARY);
    } finally {
      client.disconnect();
    }
  });
});
