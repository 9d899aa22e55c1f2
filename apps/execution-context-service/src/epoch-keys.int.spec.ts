import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { importKey, KeyRing } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { RenewContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import fc from 'fast-check';
import { epochAt } from './epoch';
import { epochKeyId } from './epoch-key';
import { CANARY, Cluster, destroy, HOUR, type Replica, revealed } from './testing/replicas';

const DAY = 24 * HOUR;
/** After this all writes of an epoch that is over have arrived. */
const SETTLED = 6 * 60_000;
let mongo: EmbeddedServer & { readonly url: string };
let cluster: Cluster;
let one: Replica;
let other: Replica;
let databases = 0;

beforeAll(async () => {
  mongo = await startMongo();
});
afterAll(() => mongo.stop());

beforeEach(async () => {
  databases += 1;
  cluster = new Cluster(mongo.url, `contexts_${databases}`, newRing());
  cluster.passToNextEpoch();
  [one, other] = [await cluster.add(), await cluster.add()];
});
afterEach(() => cluster.close());

function newRing(): KeyRing {
  return new KeyRing(importKey(randomBytes(32)));
}

/** Why a replica does not reveal the context of a run. */
async function refusal(by: Replica, executionId: string): Promise<string> {
  try {
    await revealed(by, executionId);
  } catch (error) {
    if (error instanceof DomainError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return 'revealed';
}

async function keyOf(executionId: string): Promise<string> {
  return (await cluster.stored(executionId)).crypto.kid;
}

async function keysInDatabase(): Promise<readonly string[]> {
  return (await cluster.epochKeys.find().toArray()).map(epochKeyId);
}

async function renew({ runs }: Replica, executionId: string): Promise<void> {
  const expiresAt = timestampFromMs(cluster.now() + 23 * HOUR);
  await runs.renew(create(RenewContextInputSchema, { executionId, expiresAt }));
}

describe('The key of an epoch', () => {
  it('is made once when twenty replicas start at once, and opens what any of them has sealed', async () => {
    const replicas = await Promise.all(Array.from({ length: 20 }, () => cluster.add()));
    await Promise.all(replicas.map(({ keys }) => keys.refresh()));
    expect(await cluster.epochKeys.countDocuments({ _id: epochAt(cluster.now()).id })).toBe(1);
    const runs = await Promise.all(replicas.map((replica) => cluster.made(replica)));
    expect(new Set(await Promise.all(runs.map(keyOf))).size).toBe(1);
    expect(await Promise.all(runs.map((run, i) => revealed(replicas.at(i - 7) ?? one, run)))).toEqual(
      runs.map(() => CANARY),
    );
  });

  it('lies in the database wrapped, and in no log', async () => {
    await cluster.made(one);
    const [document] = await cluster.epochKeys.find().toArray();
    expect(document?.crypto.kid).toBe(cluster.ring.active.id);
    const lines = [...one.lines, ...other.lines].join('');
    for (const { key } of one.keys.current.keys) {
      for (const encoding of ['base64', 'hex', 'latin1'] as const) {
        const text = key.export().toString(encoding);
        expect(JSON.stringify(document)).not.toContain(text);
        expect(lines).not.toContain(text);
      }
    }
  });

  it('is made ahead, so that nothing waits when the hour turns', async () => {
    const next = epochAt(cluster.now() + HOUR).id;
    await one.keys.refresh();
    expect(await cluster.epochKeys.countDocuments({ _id: next })).toBe(0);
    cluster.pass(HOUR - 3 * 60_000);
    await one.keys.refresh();
    expect(await cluster.epochKeys.countDocuments({ _id: next })).toBe(1);
    cluster.pass(3 * 60_000);
    expect(one.keys.current.active.id).toContain(next);
  });

  it('is another one in the next hour, and what was sealed before still opens everywhere', async () => {
    const before = await cluster.made(one);
    cluster.passToNextEpoch();
    const after = await cluster.made(one);
    expect(await keyOf(after)).not.toBe(await keyOf(before));
    for (const replica of [one, other]) {
      expect([await revealed(replica, before), await revealed(replica, after)]).toEqual([CANARY, CANARY]);
    }
  });

  it('takes the place of an earlier one when a context is renewed', async () => {
    const run = await cluster.made(one);
    const first = await keyOf(run);
    cluster.passToNextEpoch();
    await renew(other, run);
    expect(await keyOf(run)).toContain(epochAt(cluster.now()).id);
    cluster.pass(SETTLED);
    await one.keys.sweep();
    expect(await keysInDatabase()).not.toContain(first);
    expect([await revealed(one, run), await revealed(other, run)]).toEqual([CANARY, CANARY]);
  });
});

describe('The destruction of an epoch’s key', () => {
  it('comes when the last context under it has gone and the hour is over, and not before', async () => {
    const [first, second] = [await cluster.made(one), await cluster.made(other)];
    const kid = await keyOf(first);
    await destroy(one, first);
    cluster.passToNextEpoch();
    cluster.pass(SETTLED);
    await one.keys.sweep();
    expect(await keysInDatabase()).toContain(kid);
    expect(await revealed(other, second)).toBe(CANARY);
    await destroy(one, second);
    await one.keys.sweep();
    expect(await keysInDatabase()).not.toContain(kid);
  });

  it('does not come within its hour, nor within the minutes in which a late write may still arrive', async () => {
    const run = await cluster.made(one);
    const kid = await keyOf(run);
    await destroy(one, run);
    await one.keys.sweep();
    cluster.passToNextEpoch();
    await one.keys.sweep();
    expect(await keysInDatabase()).toContain(kid);
  });

  it('leaves it in no replica’s memory, and a raw copy of the context opens nowhere', async () => {
    const run = await cluster.made(one);
    const kid = await keyOf(run);
    const copy = await cluster.stored(run);
    await revealed(other, run);
    await destroy(one, run);
    cluster.passToNextEpoch();
    cluster.pass(SETTLED);
    await one.keys.sweep();
    await other.keys.refresh();
    await cluster.contexts.insertOne(copy);
    const third = await cluster.add();
    for (const replica of [one, other, third]) {
      expect(await refusal(replica, run)).toContain(`cannot be opened: needs the encryption key ${kid}`);
      expect(replica.keys.ids).not.toContain(kid);
    }
  });

  it('comes at its deadline at the latest, whatever still lies there', async () => {
    const run = await cluster.made(one);
    const kid = await keyOf(run);
    const copy = await cluster.stored(run);
    cluster.pass(DAY + HOUR + SETTLED);
    await one.keys.sweep();
    await other.keys.refresh();
    expect(await keysInDatabase()).not.toContain(kid);
    await cluster.contexts.replaceOne(
      { _id: copy._id },
      { ...copy, expires_at: new Date(cluster.now() + DAY) },
    );
    for (const replica of [one, other]) expect(await refusal(replica, run)).toContain(kid);
  });

  it('reaches a replica that is cut off from the database, by its own clock', async () => {
    const lonelyServer = await startMongo();
    const lonely = new Cluster(lonelyServer.url, 'contexts', newRing());
    try {
      const replica = await lonely.add();
      await replica.keys.refresh();
      const kid = replica.keys.current.active.id;
      await lonelyServer.stop();
      lonely.pass(2 * HOUR);
      replica.keys.forget();
      expect(replica.keys.ids).toContain(kid);
      lonely.pass(DAY);
      replica.keys.forget();
      expect(replica.keys.ids).toEqual([]);
      expect(() => replica.keys.current).toThrow('the key of this hour cannot be had');
    } finally {
      await lonely.close();
      await lonelyServer.stop();
    }
  });

  it('is followed by every replica within seconds, without being asked', async () => {
    const run = await cluster.made(one);
    const kid = await keyOf(run);
    await other.keys.start();
    expect(other.keys.ids).toContain(kid);
    await destroy(one, run);
    cluster.passToNextEpoch();
    cluster.pass(SETTLED);
    await one.keys.sweep();
    while (other.keys.ids.includes(kid)) await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('that was interrupted is finished by the next sweep', async () => {
    const run = await cluster.made(one);
    const { _id } = (await cluster.epochKeys.findOne()) ?? {};
    await cluster.epochKeys.updateOne({ _id }, { $unset: { crypto: 1 } });
    await other.keys.sweep();
    expect(await refusal(other, run)).toContain('cannot be opened');
    expect(await cluster.epochKeys.find({ crypto: { $exists: false } }).toArray()).toEqual([]);
    expect(await revealed(one, await cluster.made(other))).toBe(CANARY);
  });

  it('takes nothing from a write that arrived after it: the write is repeated under the key of the moment', async () => {
    const slow = await cluster.add();
    const insert = slow.store.insert.bind(slow.store);
    // The process stands still between the sealing and the write, as a virtual machine that is moved does.
    slow.store.insert = async (document) => {
      cluster.passToNextEpoch();
      cluster.pass(SETTLED);
      await one.keys.sweep();
      expect(await keysInDatabase()).not.toContain(document.crypto.kid);
      return insert(document);
    };
    const run = await cluster.made(slow);
    for (const replica of [one, other, slow]) expect(await revealed(replica, run)).toBe(CANARY);
  });

  it('takes nothing from a renewal that arrived after it either', async () => {
    const slow = await cluster.add();
    const run = await cluster.made(slow);
    cluster.passToNextEpoch();
    const update = slow.store.update.bind(slow.store);
    let stalls = 1;
    slow.store.update = async (before, after) => {
      if (stalls-- > 0) {
        cluster.passToNextEpoch();
        cluster.pass(SETTLED);
        await one.keys.sweep();
        expect(await keysInDatabase()).not.toContain(after.crypto.kid);
      }
      return update(before, after);
    };
    await renew(slow, run);
    for (const replica of [one, other, slow]) expect(await revealed(replica, run)).toBe(CANARY);
  });
});

describe('Replicas whose clocks differ by a minute', () => {
  it('seal under two epochs at the turn of the hour, and open what the other one sealed', async () => {
    const ahead = await cluster.add(() => cluster.now() + 60_000);
    cluster.pass(HOUR - (cluster.now() % HOUR) - 30_000);
    const [early, late] = [await cluster.made(one), await cluster.made(ahead)];
    expect(await keyOf(early)).not.toBe(await keyOf(late));
    expect([await revealed(ahead, early), await revealed(one, late)]).toEqual([CANARY, CANARY]);
    cluster.pass(60_000);
    await ahead.keys.sweep();
    expect([await revealed(ahead, early), await revealed(one, late)]).toEqual([CANARY, CANARY]);
  });
});

describe('A backup that was taken in the middle of a run', () => {
  async function backup() {
    return {
      contexts: await cluster.contexts.find().toArray(),
      epochKeys: await cluster.epochKeys.find().toArray(),
    };
  }

  async function restore({ contexts, epochKeys }: Awaited<ReturnType<typeof backup>>, until?: Date) {
    for (const row of contexts) {
      const expires_at = until ?? row.expires_at;
      await cluster.contexts.replaceOne({ _id: row._id }, { ...row, expires_at }, { upsert: true });
    }
    for (const row of epochKeys) {
      await cluster.epochKeys.replaceOne({ _id: row._id }, { ...row }, { upsert: true });
    }
  }

  it('opens nothing when it is put back whole after the key was destroyed, and the key is destroyed again', async () => {
    const run = await cluster.made(one);
    const kid = await keyOf(run);
    const taken = await backup();
    await destroy(one, run);
    cluster.passToNextEpoch();
    cluster.pass(SETTLED);
    await one.keys.sweep();
    await restore(taken);
    const third = await cluster.add();
    for (const replica of [one, other, third]) {
      expect(await refusal(replica, run)).toContain('cannot be opened');
      expect(replica.keys.ids).not.toContain(kid);
    }
    await other.keys.sweep();
    expect(await keysInDatabase()).not.toContain(kid);
  });

  it('opens nothing after the deadline, though it is all that there is and its times are moved', async () => {
    const run = await cluster.made(one);
    const taken = await backup();
    await cluster.contexts.deleteMany({});
    await cluster.epochKeys.deleteMany({});
    cluster.pass(DAY + HOUR + SETTLED);
    await restore(taken, new Date(cluster.now() + DAY));
    const third = await cluster.add();
    for (const replica of [one, other, third])
      expect(await refusal(replica, run)).toContain('cannot be opened');
    const later = new Date(cluster.now() + DAY);
    await cluster.epochKeys.updateMany(
      { _id: { $lt: epochAt(cluster.now()).id } },
      { $set: { deadline: later, ends_at: later } },
    );
    for (const replica of [one, other, third])
      expect(await refusal(replica, run)).toContain('cannot be opened');
    expect(third.lines.join('')).toContain('an epoch key does not open');
    expect(third.lines.join('')).not.toContain(CANARY);
  });
});

describe('The keys of epochs that were tampered with', () => {
  it('are refused in one another’s place, and so are contexts', async () => {
    const runs: string[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      runs.push(await cluster.made(one));
      cluster.passToNextEpoch();
    }
    const contexts = await Promise.all(runs.map((run) => cluster.stored(run)));
    const epochKeys = (await cluster.epochKeys.find().sort({ _id: 1 }).toArray()).slice(0, 3);
    const index = fc.nat(2);
    await fc.assert(
      fc.asyncProperty(
        index,
        index,
        fc.constantFrom('wrapped key', 'header', 'context'),
        async (a, b, what) => {
          fc.pre(a !== b);
          const [from, to, key, place] = [contexts[a], contexts[b], epochKeys[a], epochKeys[b]];
          if (!from || !to || !key || !place) throw new Error('three of each were made');
          const fresh = await cluster.add();
          try {
            if (what === 'context') {
              await cluster.contexts.updateOne(
                { _id: to._id },
                { $set: { sealed: from.sealed, crypto: from.crypto } },
              );
            } else {
              const crypto = what === 'header' ? key.crypto : { ...place.crypto, wdek: key.crypto.wdek };
              await cluster.epochKeys.updateOne({ _id: place._id }, { $set: { crypto } });
            }
            expect(await refusal(fresh, to.execution_id)).toContain('failed-precondition');
          } finally {
            await cluster.contexts.replaceOne({ _id: to._id }, to);
            await cluster.epochKeys.replaceOne({ _id: place._id }, place);
            await fresh.connection.close();
          }
        },
      ),
      { numRuns: 20 },
    );
    for (const run of runs) expect(await revealed(await cluster.add(), run)).toBe(CANARY);
  });

  it('are refused under the id of another key', async () => {
    const run = await cluster.made(one);
    cluster.passToNextEpoch();
    const kid = await keyOf(await cluster.made(one));
    await cluster.contexts.updateOne({ execution_id: run }, { $set: { 'crypto.kid': kid } });
    expect(await refusal(one, run)).toContain('cannot be opened');
  });
});
