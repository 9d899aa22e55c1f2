import { randomBytes } from 'node:crypto';
import { importKey } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { type KeySource, ManagedKeyRing, type WritingKeys } from '@stigmer/keys';
import { connectMongo } from '@stigmer/mongo';
import { type Caller, createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { environmentProviders } from './environment-providers';
import { Environments } from './environments';
import { EnvironmentStore } from './environments.store';
import { KeyedEnvironments } from './keyed-environments';
import { environment } from './testing/environments';

const NEVER_MS = 3_600_000;
const CANARY = 'canary-late-71c4';
const caller: Caller = { service: 'gateway', actor: 'alice', owner: true };
const log = createLogger('environment-service', 'error', { write: () => undefined });

let mongo: EmbeddedServer & { readonly url: string };
let connection: Connection;
let databases = 0;
const rings: ManagedKeyRing[] = [];

beforeAll(async () => {
  mongo = await startMongo();
});
beforeEach(async () => {
  connection = await connectMongo(mongo.url, `late_${databases++}`, log);
});
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.close()));
  await connection.close();
});
afterAll(() => mongo.stop());

function sourceOf(keys: readonly Buffer[]): KeySource {
  return {
    ...{ name: 'memory', writable: false },
    load: () => Promise.resolve(keys.map((key) => importKey(Buffer.from(key)))),
    add: () => Promise.reject(new Error('no key is added')),
    destroy: () => Promise.resolve(),
    watch: () => () => undefined,
  };
}

async function openRing(keys: readonly Buffer[], timings: object): Promise<ManagedKeyRing> {
  const ring = await ManagedKeyRing.open({
    ...({ ring: 'environment', connection, log, timings } as const),
    sources: [sourceOf(keys)],
    documents: new KeyedEnvironments(connection),
    identity: randomBytes(4).toString('hex'),
  });
  rings.push(ring);
  return ring;
}

/** The service's own parts on a ring; nothing is cached. */
async function environmentsOn(keys: WritingKeys): Promise<Environments> {
  const users = { list: () => Promise.reject(new Error('not asked')), close: () => undefined } as never;
  const providers = await environmentProviders({ connection, keys, users, keep: 100, cacheBytes: 0, log });
  const found = providers.find((provider) => 'provide' in provider && provider.provide === Environments);
  return (found as { readonly useValue: Environments }).useValue;
}

/** A process that stands still while another one, which takes it for dead, retires the key it writes under. */
async function rotatedWithout() {
  await new EnvironmentStore(connection).prepare();
  const keys = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const [, second = '', third = ''] = keys.map((key) => importKey(Buffer.from(key)).id);
  const other = await openRing(keys, { pollMs: 50, staleMs: 0, settleMs: 60_000 });
  const frozen = await openRing(keys, { pollMs: NEVER_MS });
  const before = await (await environmentsOn(other)).create(resource('before', 'env-before'), caller);
  await other.promote(second);
  await frozen.status();
  const old = frozen.current;
  expect(old.active.id).toBe(second);
  await other.promote(third);
  await other.retire(second);
  // As a request has it that took its ring before the process stood still.
  const held: WritingKeys = { current: old, written: (id) => frozen.written(id) };
  return { frozen, other, before, late: await environmentsOn(held) };
}

function resource(value: string, id = '') {
  return environment({ TOKEN: { value, isSecret: true } }, { org: 'acme', id, name: `E ${value} ${id}` });
}

async function secretOf(keys: WritingKeys, id: string): Promise<string> {
  return (await (await environmentsOn(keys)).reveal(id, 'TOKEN', caller)).value;
}

describe('An environment that is written by a process which stood still while its key was retired', () => {
  it('is brought under the active key once that process looks around', async () => {
    const { frozen, other, late } = await rotatedWithout();
    const { _id } = await late.create(resource(CANARY), caller);
    await expect(secretOf(other, _id)).rejects.toMatchObject({ kind: 'failed-precondition' });
    await frozen.status();
    expect(await secretOf(other, _id)).toBe(CANARY);
  });

  it('is brought under the active key before it is acknowledged, where that process has looked already', async () => {
    const { frozen, other, before, late } = await rotatedWithout();
    await frozen.status();
    const { _id } = await late.create(resource(CANARY), caller);
    expect(await secretOf(other, _id)).toBe(CANARY);
    // Written over what is under a third key: this write wraps it anew.
    await late.update(resource(CANARY, before._id), caller);
    expect(await secretOf(other, before._id)).toBe(CANARY);
    expect(await new KeyedEnvironments(connection).countByKey()).toEqual(
      new Map([[other.current.active.id, 2]]),
    );
  });
});
