import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { importKey, KeyRing, type KeyRingHolder } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import type { VerificationFailure } from '@stigmer/keys';
import { RenewContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { createLogger } from '@stigmer/service';
import { ContextSeal } from './context-seal';
import { CANARY, Cluster, HOUR, destroy, type Replica, revealed } from './testing/replicas';

let mongo: EmbeddedServer & { readonly url: string };
let cluster: Cluster;
let replica: Replica;
let databases = 0;
const old = importKey(randomBytes(32));
const next = importKey(randomBytes(32));
const promoted = new KeyRing(next, [old]);

beforeAll(async () => {
  mongo = await startMongo();
});
afterAll(() => mongo.stop());

beforeEach(async () => {
  databases += 1;
  cluster = new Cluster(mongo.url, `keyed_${databases}`, new KeyRing(old));
  cluster.passToNextEpoch();
  replica = await cluster.add();
});
afterEach(() => cluster.close());

/** Seals a context as the service did before there were epochs: under the key of the ring itself. */
async function sealedDirectly(): Promise<string> {
  const run = await cluster.made(replica);
  const stored = await cluster.stored(run);
  const ring = cluster.ring;
  const keys = {
    toSeal: () => Promise.resolve(ring),
    toOpen: () => Promise.resolve(ring),
    mayBeGone: () => false,
  };
  const seal = new ContextSeal(keys, createLogger('execution-context-service', 'silent'));
  const sealed = await seal.seal(stored, await replica.seal.open(stored));
  await cluster.contexts.updateOne({ _id: stored._id }, { $set: { ...sealed } });
  return run;
}

async function rewrapAll(): Promise<{ readonly rewrapped: number; readonly failed: number }> {
  let [rewrapped, failed, after] = [0, 0, ''];
  for (;;) {
    const batch = await replica.keyed.rewrapBatch(promoted, { after, limit: 2 });
    [rewrapped, failed] = [rewrapped + batch.rewrapped, failed + batch.failed];
    if (batch.next === undefined) return { rewrapped, failed };
    after = batch.next;
  }
}

async function verified(keys: KeyRingHolder): Promise<{ checked: number; failures: VerificationFailure[] }> {
  let checked = 0;
  const failures: VerificationFailure[] = [];
  for await (const step of replica.keyed.verify(keys)) {
    checked = step.checked;
    failures.push(...step.failures);
  }
  return { checked, failures };
}

describe('What the context ring protects', () => {
  it('is the keys of epochs, and contexts of before there were any', async () => {
    await cluster.made(replica);
    await sealedDirectly();
    cluster.passToNextEpoch();
    await cluster.made(replica);
    expect(await replica.keyed.countByKey()).toEqual(new Map([[old.id, 3]]));
    expect(await replica.keyed.total()).toBe(5);
    expect(await replica.keyed.neededBeyond([old.id])).toEqual([]);
    expect(await replica.keyed.neededBeyond([next.id])).toEqual([old.id]);
  });

  it('opens though it was sealed under the ring itself, and is renewed into its epoch', async () => {
    const run = await sealedDirectly();
    expect((await cluster.stored(run)).crypto.kid).toBe(old.id);
    expect(await revealed(replica, run)).toBe(CANARY);
    const expiresAt = timestampFromMs(cluster.now() + 23 * HOUR);
    await replica.runs.renew(create(RenewContextInputSchema, { executionId: run, expiresAt }));
    expect((await cluster.stored(run)).crypto.kid).toBe(replica.keys.current.active.id);
    expect(await revealed(replica, run)).toBe(CANARY);
  });
});

describe('The key of an hour that is made by a process which stood still while its key was retired', () => {
  it('is brought under the active key before a context is sealed under it', async () => {
    // What the process took before it stood still, and what it has by the time its write is done.
    let current = new KeyRing(old);
    let found = 0;
    const written = async (id: string) => {
      current = new KeyRing(next);
      found += await replica.keyed.rewrapFrom(promoted, id);
    };
    const frozen = await cluster.add(cluster.now, {
      get current() {
        return current;
      },
      written,
    });
    cluster.passToNextEpoch();
    await cluster.epochKeys.deleteMany({});
    const run = await cluster.made(frozen);
    expect(found).toBe(1);
    expect([...(await replica.keyed.countByKey()).keys()]).toEqual([next.id]);
    const fresh = await cluster.add(cluster.now, { current: new KeyRing(next) });
    expect(await revealed(fresh, run)).toBe(CANARY);
  });
});

describe('A re-wrap of the context ring', () => {
  it('moves the few keys of epochs and no context, after which the old key is needed by nothing', async () => {
    const run = await cluster.made(replica);
    const before = await cluster.stored(run);
    const [one, two, three] = [await sealedDirectly(), await sealedDirectly(), await sealedDirectly()];
    expect(await rewrapAll()).toEqual({ rewrapped: 4, failed: 0 });
    expect(await cluster.stored(run)).toEqual(before);
    expect(await replica.keyed.countByKey()).toEqual(new Map([[next.id, 4]]));
    const fresh = await cluster.add(cluster.now, { current: new KeyRing(next) });
    for (const id of [run, one, two, three]) expect(await revealed(fresh, id)).toBe(CANARY);
    expect(await rewrapAll()).toEqual({ rewrapped: 0, failed: 0 });
  });

  it('counts what does not open, and leaves it as it is', async () => {
    await sealedDirectly();
    const broken = await sealedDirectly();
    const wdek = randomBytes(60).toString('base64');
    await cluster.contexts.updateOne({ execution_id: broken }, { $set: { 'crypto.wdek': wdek } });
    await cluster.epochKeys.updateMany({}, { $set: { 'crypto.wdek': wdek } });
    expect(await rewrapAll()).toEqual({ rewrapped: 1, failed: 2 });
    expect((await cluster.stored(broken)).crypto).toMatchObject({ kid: old.id, wdek });
  });

  it('does not bring back a context that was destroyed meanwhile', async () => {
    const run = await sealedDirectly();
    const withoutEpoch = replica.store.withoutEpoch.bind(replica.store);
    replica.store.withoutEpoch = async (...query) => {
      const found = await withoutEpoch(...query);
      await destroy(replica, run);
      return found;
    };
    await rewrapAll();
    expect(await cluster.contexts.countDocuments()).toBe(0);
  });
});

describe('A check of the context ring', () => {
  it('opens the keys of epochs and every context that lives', async () => {
    await cluster.made(replica);
    await sealedDirectly();
    expect(await verified(cluster.holder())).toEqual({ checked: 3, failures: [] });
  });

  it('names what does not open, and no value', async () => {
    const [good, bad] = [await cluster.made(replica), await cluster.made(replica)];
    const { _id } = await cluster.stored(bad);
    await cluster.contexts.updateOne({ _id }, { $set: { sealed: randomBytes(200) } });
    const one = await verified(cluster.holder());
    expect(one.failures).toMatchObject([{ documentId: _id, name: '' }]);
    expect(one.failures[0]?.reason).toContain(`the context of ${bad} cannot be opened`);
    const other = await verified({ current: new KeyRing(next) });
    expect(other.failures.map(({ documentId }) => documentId)).toContain((await cluster.stored(good))._id);
    expect(JSON.stringify([one, other])).not.toContain(CANARY);
    expect(JSON.stringify(other)).toContain(old.id);
  });
});
