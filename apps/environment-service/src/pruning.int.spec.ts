import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import {
  type FakeUser,
  startEnvironmentService,
  startFakeControlPlane,
  type TestService,
} from './testing/environment-service';
import { environment, idOf, kindOf } from './testing/environments';
import { eventually } from './testing/eventually';
import { count, counted, type Counted, counterAt, historyOf, rawVersions } from './testing/versions';

const key = randomBytes(32).toString('base64');
let mongo: EmbeddedServer & { readonly url: string };
/** What instances pin, whichever environment is asked about. */
const pinned: string[] = [];
let controlPlane: Awaited<ReturnType<typeof startFakeControlPlane>>;
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let resolver: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  controlPlane = await startFakeControlPlane(() => [], pinned);
  service = await startEnvironmentService({ mongoUrl: mongo.url, key, controlPlane: controlPlane.address });
  gateway = service.as('gateway');
  resolver = service.as('resolver-service');
});

afterEach(() => {
  pinned.length = 0;
});

afterAll(async () => {
  await service.close();
  controlPlane.close();
  await mongo.stop();
});

/** A service that keeps five versions. */
function startFew(address: string | undefined): Promise<TestService> {
  return startEnvironmentService({ mongoUrl: mongo.url, key, controlPlane: address, revisions: 5 });
}

/** A control plane that answers nobody until it is released. */
async function startHangingControlPlane() {
  const released = Promise.withResolvers<readonly FakeUser[]>();
  const asked = Promise.withResolvers<undefined>();
  const server = await startFakeControlPlane(() => {
    asked.resolve(undefined);
    return released.promise;
  });
  const release = () => {
    released.resolve([]);
  };
  return { ...server, release, asked: asked.promise };
}

async function numbersOf(id: string): Promise<readonly number[]> {
  return (await historyOf(gateway, id)).map(({ number }) => number);
}

/** The versions that are left once pruning is done with what it was told. */
async function expectLeft(id: string, numbers: readonly number[]): Promise<void> {
  const left = await eventually(
    () => numbersOf(id),
    (found) => isDeepStrictEqual(found, numbers),
  );
  expect(left).toEqual(numbers);
}

/** The numbers from one down to another. */
function newest(from: number, to: number): readonly number[] {
  return Array.from({ length: from - to + 1 }, (_, i) => from - i);
}

async function importing({ id, org }: Counted, version: string): Promise<void> {
  const imports = [{ slug: id, version }];
  await gateway.commands.create(environment({}, { org, name: 'Importer' }, { imports }));
}

describe('Pruning', () => {
  it('forgets the oldest versions for good, and keeps the newest and those with a tag', async () => {
    const one = await counted(gateway, 8);
    await gateway.commands.tag({ environmentId: one.id, tag: 'kept', version: '2' });
    expect(await gateway.commands.prune({ environmentId: one.id, keep: 3 })).toMatchObject({ removed: 4 });
    expect(await numbersOf(one.id)).toEqual([8, 7, 6, 2]);
    expect(await rawVersions(mongo.url, one.id)).toHaveLength(4);
    expect(await counterAt(resolver, one, 'kept')).toBe('2');
    expect(await kindOf(gateway.commands.rollback({ environmentId: one.id, version: '3' }))).toBe(
      'not-found',
    );
    expect(await gateway.commands.prune({ environmentId: one.id, keep: 1 })).toMatchObject({ removed: 2 });
    expect(await kindOf(gateway.commands.prune({ environmentId: one.id, keep: 0 }))).toBe('invalid-argument');
  });

  it('is done by writes, as the policy says', async () => {
    const few = await startFew(controlPlane.address);
    try {
      const client = few.as('gateway');
      const one = await counted(client, 2);
      await client.commands.tag({ environmentId: one.id, tag: 'kept', version: '2' });
      for (let i = 3; i <= 20; i++) await count(client, one.id, i);
      await expectLeft(one.id, [20, 19, 18, 17, 16, 2]);
    } finally {
      await few.close();
    }
  });

  it('keeps what instances and imports pin, by its number, its id or a tag, through 150 writes and to the last', async () => {
    const one = await counted(gateway, 10);
    const third = (await historyOf(gateway, one.id)).find(({ number }) => number === 3)?.id ?? '';
    await gateway.commands.tag({ environmentId: one.id, tag: 'stable', version: '4' });
    pinned.push('2', third, 'stable');
    await importing(one, '5');
    for (let i = 11; i <= 160; i++) await count(gateway, one.id, i);
    await expectLeft(one.id, [...newest(160, 61), 5, 4, 3, 2]);
    await gateway.commands.prune({ environmentId: one.id, keep: 1 });
    expect(await numbersOf(one.id)).toEqual([160, 5, 4, 3, 2]);
    expect(
      await Promise.all(['2', third, 'stable', '5'].map((pin) => counterAt(resolver, one, pin))),
    ).toEqual([...['2', '3', '4', '5']]);
    pinned.length = 0;
    await gateway.commands.prune({ environmentId: one.id, keep: 1 });
    expect(await numbersOf(one.id)).toEqual([160, 5, 4]);
  });

  it('keeps what earlier versions pin of an environment that imports it, for as long as these versions are there', async () => {
    const one = await counted(gateway, 9);
    const importer = (version: string, id = '') =>
      environment({}, { org: one.org, name: 'app', id }, { imports: [{ slug: one.id, version }] });
    const made = await gateway.commands.create(importer('2'));
    const environmentId = idOf(made);
    for (const version of ['4', '']) await gateway.commands.update(importer(version, environmentId));
    await gateway.commands.tag({ environmentId, tag: 'live', version: '1' });
    await gateway.commands.prune({ environmentId: one.id, keep: 1 });
    expect(await numbersOf(one.id)).toEqual([9, 4, 2]);
    const references = [{ slug: 'app', version: 'live' }];
    const { environments, importProblems } = await resolver.vault.open({ org: one.org, references });
    expect(importProblems).toEqual([]);
    expect(environments[0]?.data['COUNTER']?.value).toBe('2');

    await gateway.commands.prune({ environmentId, keep: 1 });
    await gateway.commands.prune({ environmentId: one.id, keep: 1 });
    expect(await numbersOf(one.id)).toEqual([9, 2]);
    await gateway.commands.delete({ resourceId: environmentId });
    await gateway.commands.prune({ environmentId: one.id, keep: 1 });
    expect(await numbersOf(one.id)).toEqual([9]);
  });

  it('forgets nothing while nobody can say what instances pin: writes go on, the command is UNAVAILABLE', async () => {
    const alone = await startFew(undefined);
    try {
      const client = alone.as('gateway');
      const one = await counted(client, 20);
      const said = () => alone.lines.join('');
      expect(await eventually(said, (lines) => lines.includes(NOT_PRUNED))).toContain(NOT_PRUNED);
      expect(await kindOf(client.commands.prune({ environmentId: one.id, keep: 1 }))).toBe('unavailable');
      expect(await numbersOf(one.id)).toEqual(newest(20, 1));
      await gateway.commands.prune({ environmentId: one.id, keep: 1 });
      expect(await numbersOf(one.id)).toEqual([20]);
    } finally {
      await alone.close();
    }
  });

  it('is waited for by no write, also where the control-plane says nothing at all', async () => {
    const silent = await startHangingControlPlane();
    const few = await startFew(silent.address);
    try {
      const client = few.as('gateway');
      // A write that waited would end with its own deadline, which is over before the control-plane's.
      const one = await counted(client, 10);
      await silent.asked;
      let version = 10;
      while (version < 25) await count(client, one.id, ++version);
      expect(await numbersOf(one.id)).toEqual(newest(25, 1));
      silent.release();
      const pruned = await eventually(
        async () => {
          await count(client, one.id, ++version);
          return numbersOf(one.id);
        },
        (numbers) => numbers.at(-1) !== 1,
      );
      expect(pruned.at(-1)).toBeGreaterThan(5);
      expect(pruned).toEqual(newest(version, pruned.at(-1) ?? 0));
    } finally {
      await few.close();
      silent.close();
    }
  });

  it('that is under way when the service ends is finished first', async () => {
    const silent = await startHangingControlPlane();
    const few = await startFew(silent.address);
    const one = await counted(few.as('gateway'), 10);
    await silent.asked;
    silent.release();
    await few.close();
    silent.close();
    expect(await numbersOf(one.id)).toEqual(newest(10, 6));
  });
});

const NOT_PRUNED = 'old revisions were not pruned';
