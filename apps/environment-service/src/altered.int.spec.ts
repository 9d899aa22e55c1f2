import { randomBytes } from 'node:crypto';
import {
  type CryptoHeader,
  documentMac,
  HEADER_VERSION,
  importKey,
  KeyRing,
  openDataKey,
  rewrap,
} from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { type Connection, createConnection, type mongo } from 'mongoose';
import {
  startEnvironmentService,
  startFakeControlPlane,
  type TestService,
} from './testing/environment-service';
import { environment, failure, idOf, orgOf } from './testing/environments';

const CANARY = 'canary-5d20ab';
const DEADLINE = { deadlineMs: 60_000 };
const kek = randomBytes(32);
const ring = new KeyRing(importKey(Buffer.from(kek)));

interface Row extends Record<string, unknown> {
  readonly _id: string;
  readonly lineage: string;
  readonly mac?: string;
  readonly crypto: CryptoHeader;
  readonly data: Readonly<Record<string, { readonly value: string }>>;
}
/** What lies in the database of one environment with two versions. */
interface Stored {
  readonly id: string;
  readonly org: string;
  readonly current: Row;
  readonly past: Row;
}
type Change = (stored: Stored) => mongo.UpdateFilter<Row>;

let server: EmbeddedServer & { readonly url: string };
let connection: Connection;
let environments: mongo.Collection<Row>;
let revisions: mongo.Collection<Row>;
let plane: Awaited<ReturnType<typeof startFakeControlPlane>>;
/** One that writes, and one that has never seen what it reads: what is cached is what was there before. */
let service: TestService;
let other: TestService;
let gateway: ReturnType<TestService['as']>;
let fresh: ReturnType<TestService['as']>;

beforeAll(async () => {
  server = await startMongo();
  plane = await startFakeControlPlane(() => []);
  const start = () =>
    startEnvironmentService({
      ...{ mongoUrl: server.url, key: kek.toString('base64'), controlPlane: plane.address },
    });
  [service, other] = [await start(), await start()];
  [gateway, fresh] = [service.as('gateway'), other.as('gateway')];
  connection = await createConnection(server.url).asPromise();
  const database = connection.getClient().db('stigmer_environments');
  environments = database.collection('environments');
  revisions = database.collection('revisions');
});

afterAll(async () => {
  await connection.close();
  await service.close();
  await other.close();
  plane.close();
  await server.stop();
});

/** An environment with two versions, which imports another one. */
async function stored(): Promise<Stored> {
  const base = await gateway.commands.create(environment({ BASE: { value: 'x' } }, { name: 'base' }));
  const imports = { imports: [{ slug: 'base' }] };
  const made = await gateway.commands.create(
    environment(
      {
        TOKEN: { value: `${CANARY}-1`, isSecret: true },
        URL: { value: 'https://good.example/1' },
        OTHER: { value: `${CANARY}-x`, isSecret: true },
      },
      { org: orgOf(base) },
      imports,
    ),
  );
  await gateway.commands.updateVariables({
    environmentId: idOf(made),
    variables: {
      TOKEN: { value: `${CANARY}-2`, isSecret: true },
      URL: { value: 'https://good.example/2' },
    },
  });
  return rowsOf(made);
}

async function rowsOf(made: Environment): Promise<Stored> {
  const current = await environments.findOne({ _id: idOf(made) });
  const past = await revisions.findOne({ lineage: current?.lineage ?? '' });
  if (current === null || past === null) throw new Error('not stored');
  return { id: idOf(made), org: orgOf(made), current, past };
}

const open = async ({ id, org }: Stored, version = '') => {
  const request = { org, references: [{ slug: id, version }] };
  const { environments: found } = await other.as('resolver-service').vault.open(request, DEADLINE);
  return found.find((one) => one.id === id)?.data;
};
const tokenAndUrl = (of: Awaited<ReturnType<typeof open>>) => [of?.['TOKEN']?.value, of?.['URL']?.value];
const FIRST = [`${CANARY}-1`, 'https://good.example/1'];
const SECOND = [`${CANARY}-2`, 'https://good.example/2'];

/** The versions of an environment that a verification names as wholes. */
async function namedBy(id: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { failures } of fresh.keys.verify({}, { ...other.owner, ...DEADLINE }))
    names.push(...failures.filter(({ name }) => name === '').map(({ documentId }) => documentId));
  return names
    .filter((name) => name === id || name.startsWith(`${id}@`))
    .map((name) => name.slice(id.length));
}

const ATTACKS: readonly (readonly [string, Change])[] = [
  [
    'an earlier ciphertext of the same secret',
    ({ past }) => ({ $set: { 'data.TOKEN.value': past.data['TOKEN']?.value } }),
  ],
  ['another readable value', () => ({ $set: { 'data.URL.value': 'https://evil.example' } })],
  ['a readable value where there was a secret', () => ({ $set: { 'data.TOKEN.is_secret': false } })],
  ['a value that is final now', () => ({ $set: { 'data.URL.final': true } })],
  ['an expiry', () => ({ $set: { 'data.TOKEN.expires_at': new Date(0) } })],
  ['another import', () => ({ $set: { 'imports.0.slug': 'evil' } })],
  ['another version of its import', () => ({ $set: { 'imports.0.version': '1' } })],
  ['no import', () => ({ $set: { imports: [] } })],
  ['a variable less', () => ({ $unset: { 'data.URL': 1 } })],
  ['a secret less', () => ({ $unset: { 'data.OTHER': 1 } })],
  [
    'a variable more',
    () => ({
      $set: { 'data.MORE': { value: 'x', is_secret: false, description: '', optional: false, final: false } },
    }),
  ],
  ['another name', () => ({ $set: { name: 'Evil' } })],
  ['another slug', () => ({ $set: { slug: 'evil' } })],
  ['another author', () => ({ $set: { 'updated.by': 'mallory' } })],
  ['no MAC', () => ({ $unset: { mac: 1 } })],
  ['the MAC of its earlier version', ({ past }) => ({ $set: { mac: past.mac } })],
  [
    'an earlier life of its own, which nobody stores',
    ({ current }) => ({
      $set: { 'data.URL.value': 'https://evil.example', earlier: { was: current, now: current } },
    }),
  ],
];

describe.each(ATTACKS)('An environment that was given %s past the service', (_, change) => {
  it('is refused to every run, reveal, comparison and write, until somebody goes back to what is whole', async () => {
    const before = await stored();
    const { id, org } = before;
    await environments.updateOne({ _id: id }, change(before));
    const altered = await environments.findOne({ _id: id });
    const value = { value: 'anew', isSecret: true };
    const resource = await fresh.queries.get({ value: id });
    const attempts = [
      () => open(before),
      () => open(before, '1'),
      () => fresh.queries.getSecretValue({ environmentId: id, key: 'TOKEN' }, other.owner),
      () =>
        fresh.queries.diff({ left: { org, slug: id }, right: { org, slug: id, version: '1' } }, other.owner),
      () => gateway.commands.updateVariables({ environmentId: id, variables: { TOKEN: value } }),
      () => gateway.commands.removeVariables({ environmentId: id, keys: ['TOKEN'] }),
      () => gateway.commands.update(resource),
      () => gateway.commands.rollback({ environmentId: id, version: '2' }),
    ];
    for (const attempt of attempts) {
      const { kind, message } = await failure(attempt());
      expect([kind, message]).toEqual(['failed-precondition', expect.stringContaining(`(${id})`)]);
      expect(message).toContain('was changed past the service');
      expect(message).not.toContain(CANARY);
    }
    expect(await environments.findOne({ _id: id })).toEqual(altered);
    expect(await namedBy(id)).toEqual(['']);

    const back = await gateway.commands.rollback({ environmentId: id, version: '1' });
    expect(back.metadata).toMatchObject({ name: 'GitHub Prod', slug: 'github-prod' });
    expect(tokenAndUrl(await open(before))).toEqual(FIRST);
    // What was altered stays what it is, and stays named, until it is pruned.
    expect(await namedBy(id)).toHaveLength(1);
    expect(await namedBy(id)).not.toContain('');
    await gateway.commands.prune({ environmentId: id, keep: 1 });
    expect(await namedBy(id)).toEqual([]);
  });

  it('can be deleted', async () => {
    const before = await stored();
    await environments.updateOne({ _id: before.id }, change(before));
    await gateway.commands.delete({ resourceId: before.id });
    expect(await environments.findOne({ _id: before.id })).toBeNull();
  });
});

describe('The MAC of an environment', () => {
  it('is over the row as it lies in the database, so that whoever has the key can tell without the service', async () => {
    const { id, org, current } = await stored();
    const apart = new Set(['_id', 'org', 'crypto', 'mac', 'revision_tags']);
    const facts = Object.fromEntries(Object.entries(current).filter(([field]) => !apart.has(field)));
    const dataKey = openDataKey(ring, { kind: 'environment', org, id }, current.crypto);
    expect(documentMac(dataKey, facts)).toBe(current.mac);
  });
});

const OLD_ATTACKS: readonly (readonly [string, Change])[] = [
  ['another readable value', () => ({ $set: { 'data.URL.value': 'https://evil.example' } })],
  [
    'a later ciphertext of the same secret',
    ({ current }) => ({ $set: { 'data.TOKEN.value': current.data['TOKEN']?.value } }),
  ],
  ['no import', () => ({ $set: { imports: [] } })],
  ['no MAC', () => ({ $unset: { mac: 1 } })],
  ['neither a MAC nor what it is over', () => ({ $unset: { mac: 1, named: 1 } })],
  ['the MAC of the current one', ({ current }) => ({ $set: { mac: current.mac } })],
  [
    'a header of its own',
    () => ({ $set: { 'data.URL.value': 'https://evil.example', 'named.crypto': null, 'named.mac': null } }),
  ],
];

describe.each(OLD_ATTACKS)('An earlier version that was given %s past the service', (_, change) => {
  it('is refused to every run, and nobody can go back to it; the current one is whole', async () => {
    const before = await stored();
    const { id } = before;
    await revisions.updateOne({ _id: before.past._id }, change(before));
    for (const attempt of [
      () => open(before, '1'),
      () => gateway.commands.rollback({ environmentId: id, version: '1' }),
    ]) {
      const { kind, message } = await failure(attempt());
      expect(kind).toBe('failed-precondition');
      expect(message).toContain(`(${id}) was changed past the service in version 1`);
    }
    expect(tokenAndUrl(await open(before))).toEqual(SECOND);
    expect(await namedBy(id)).toEqual(['@1']);
  });
});

describe('An environment that was relabelled past the service', () => {
  it.each<readonly [string, Change]>([
    ['by its header, as one without a MAC', () => ({ $set: { 'crypto.v': 1 } })],
    ['by its header, and has no MAC', () => ({ $set: { 'crypto.v': 1 }, $unset: { mac: 1 } })],
    ['as its earlier version', ({ past }) => ({ $set: { version: past['version'] } })],
    [
      'as its earlier version, with the MAC of that one',
      ({ past }) => ({ $set: { mac: past.mac, version: past['version'], updated: past['written'] } }),
    ],
  ])('%s is refused, and can be deleted', async (_, change) => {
    const before = await stored();
    await environments.updateOne({ _id: before.id }, change(before));
    const variables = { TOKEN: { value: 'anew', isSecret: true } };
    for (const attempt of [
      () => open(before),
      () => gateway.commands.updateVariables({ environmentId: before.id, variables }),
    ])
      expect((await failure(attempt())).kind).toBe('failed-precondition');
    expect(await namedBy(before.id)).toContain('');
    await gateway.commands.delete({ resourceId: before.id });
  });
});

describe('What was altered and put right again', () => {
  it('opens at once, though it was refused a moment ago', async () => {
    const before = await stored();
    await environments.updateOne({ _id: before.id }, { $set: { 'data.URL.value': 'https://evil.example' } });
    expect((await failure(open(before))).kind).toBe('failed-precondition');
    await environments.updateOne({ _id: before.id }, { $set: { 'data.URL.value': SECOND[1] } });
    expect(tokenAndUrl(await open(before))).toEqual(SECOND);
  });
});

/** Turns an environment into what was written before there were MACs. */
async function makeOlder({ id, org, current: { crypto, lineage } }: Stored): Promise<void> {
  const place = { kind: 'environment', org, id };
  const header = rewrap(ring, place, crypto, { from: [], to: [] }, HEADER_VERSION.plain);
  await environments.updateOne({ _id: id }, { $set: { crypto: header }, $unset: { mac: 1 } });
  await revisions.updateMany({ lineage }, { $unset: { mac: 1, named: 1 } });
}

describe('An environment from before there were MACs', () => {
  const expectNewForm = async (id: string) => {
    const now = await environments.findOne({ _id: id });
    expect(now).toMatchObject({ crypto: { v: 2 } });
    expect(now?.mac).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    const kept = await revisions.find({ lineage: now?.lineage ?? '' }).toArray();
    expect(kept.map(({ mac }) => typeof mac)).toEqual(kept.map(() => 'string'));
    expect(await namedBy(id)).toEqual([]);
    return { now, kept };
  };

  it('is read as it is, and gets one at its next write, with all of its versions', async () => {
    const before = await stored();
    const others = await countWithoutMac();
    await makeOlder(before);
    expect(await countWithoutMac()).toBe(others + 1n);
    expect(tokenAndUrl(await open(before))).toEqual(SECOND);
    expect(tokenAndUrl(await open(before, '1'))).toEqual(FIRST);
    expect(await namedBy(before.id)).toEqual([]);
    // A write that changes nothing makes no version.
    await gateway.commands.update(await gateway.queries.get({ value: before.id }));
    const { now, kept } = await expectNewForm(before.id);
    expect(await countWithoutMac()).toBe(others);
    expect(now).toMatchObject({ version: before.current['version'], data: before.current.data });
    expect(kept).toHaveLength(1);
    expect(tokenAndUrl(await open(before, '1'))).toEqual(FIRST);
    await gateway.commands.rollback({ environmentId: before.id, version: '1' });
    expect(tokenAndUrl(await open(before))).toEqual(FIRST);
  });

  it('gets one by going back to an earlier version, and by a change', async () => {
    const [rolled, changed] = [await stored(), await stored()];
    await Promise.all([rolled, changed].map(makeOlder));
    await gateway.commands.rollback({ environmentId: rolled.id, version: '1' });
    await gateway.commands.removeVariables({ environmentId: changed.id, keys: ['OTHER'] });
    expect((await expectNewForm(rolled.id)).kept).toHaveLength(2);
    expect((await expectNewForm(changed.id)).kept).toHaveLength(2);
    expect(tokenAndUrl(await open(rolled))).toEqual(FIRST);
  });

  it('gets one by a re-wrap, under whichever key it is, while others write', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, stored));
    await Promise.all(all.map(makeOlder));
    let stop = false;
    const writers = all.slice(0, 3).map(async ({ id }) => {
      let last = '';
      for (let n = 1; !stop; n++) {
        last = `https://good.example/w${n}`;
        await gateway.commands.updateVariables(
          { environmentId: id, variables: { URL: { value: last } } },
          DEADLINE,
        );
      }
      return last;
    });
    await rewrapped();
    stop = true;
    const written = await Promise.all(writers);
    for (const { id } of all) await expectNewForm(id);
    for (const [index, of] of all.entries())
      expect((await open(of))?.['URL']?.value).toBe(written[index] ?? SECOND[1]);
    for (const of of all.slice(3)) {
      expect(await environments.findOne({ _id: of.id })).toMatchObject({ version: of.current['version'] });
      expect(tokenAndUrl(await open(of, '1'))).toEqual(FIRST);
    }
  });

  it('is refused whole where all are known to have one: by its header of then, and as if it never had any', async () => {
    const [older, bare] = [await stored(), await stored()];
    const readable = await gateway.commands.create(environment({ URL: { value: 'https://good.example' } }));
    await makeOlder(older);
    for (const id of [bare.id, idOf(readable)]) {
      const change = { $set: { 'data.URL.value': 'https://evil.example' }, $unset: { crypto: 1, mac: 1 } };
      await environments.updateOne({ _id: id }, change as mongo.UpdateFilter<Row>);
    }
    const strict = await startEnvironmentService({
      ...{ mongoUrl: server.url, key: kek.toString('base64'), olderForms: 'refuse' },
    });
    try {
      const { commands, queries, keys } = strict.as('gateway');
      for (const { id, org } of [older, bare, { id: idOf(readable), org: orgOf(readable) }]) {
        const attempts = [
          strict.as('resolver-service').vault.open({ org, references: [{ slug: id }] }, DEADLINE),
          commands.updateVariables({ environmentId: id, variables: { MORE: { value: 'x' } } }),
          queries.getSecretValue({ environmentId: id, key: 'URL' }, strict.owner),
        ];
        for (const { kind, message } of await Promise.all(attempts.map(failure))) {
          expect(kind).toBe('failed-precondition');
          expect(message).toContain(`(${id}) is in an older form, and those are refused here`);
        }
        expect((await queries.get({ value: id })).metadata?.id).toBe(id);
      }
      const named: string[] = [];
      for await (const { failures } of keys.verify({}, { ...strict.owner, ...DEADLINE }))
        named.push(...failures.map(({ documentId }) => documentId));
      expect(named).toEqual(expect.arrayContaining([older.id, bare.id, idOf(readable)]));
    } finally {
      await strict.close();
    }
  });

  it('is refused from then on in the form of before, but for its own header of then', async () => {
    const before = await stored();
    await makeOlder(before);
    await gateway.commands.update(await gateway.queries.get({ value: before.id }));
    await environments.updateOne({ _id: before.id }, { $unset: { mac: 1 } });
    expect((await failure(open(before))).message).toContain('its MAC is missing');
  });
});

async function countWithoutMac(): Promise<bigint> {
  const { documentsWithoutMac } = await gateway.keys.status({}, { ...service.owner, ...DEADLINE });
  return documentsWithoutMac;
}

async function rewrapped(): Promise<void> {
  const owned = { ...service.owner, ...DEADLINE };
  await gateway.keys.rewrap({}, owned);
  const end = Date.now() + 60_000;
  while ((await gateway.keys.status({}, owned)).rewrap?.running !== false) {
    if (Date.now() > end) throw new Error('the re-wrap is not finished in time');
  }
}
