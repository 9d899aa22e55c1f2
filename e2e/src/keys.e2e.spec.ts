import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { connect, type Stigmer } from '@stigmer/sdk';
import mongoose, { type Connection } from 'mongoose';
import { allPlaces } from './places';
import type { Place } from './leak-search';
import { startStack, type Stack } from './stack';
import { type Outcome, succeeded } from './stigmer';
import { patiently, until } from './until';

/** So many that a re-wrap takes several batches. */
const ENVIRONMENTS = 400;
const CANARY = 'cnry-rotated-5b0c7e19d2';
/** Less than a batch takes. */
const MOMENT_MS = 5;

interface Ring {
  readonly keys: readonly { readonly id: string; readonly state: string; readonly documents: string }[];
  readonly documents: string;
}

interface Record {
  readonly active: string;
  readonly rewrap?: Rewrap;
}

interface Rewrap {
  readonly running: boolean;
  readonly done: number;
  readonly total: number;
  readonly started_at: Date;
}

describe('the keys of environments', () => {
  let stack: Stack;
  let server: Stigmer;
  let database: Connection;
  let ids: readonly string[];
  /** What was written and acknowledged last, by environment. */
  const values = new Map<string, string>();
  const printed: Place[] = [];
  const keyBytes: Buffer[] = [];

  beforeAll(async () => {
    stack = await startStack();
    const { gateway, mongodb } = await stack.status();
    server = connect({ address: gateway, localToken: await stack.localToken(), deadlineMs: 120_000 });
    database = await mongoose.createConnection(mongodb, { dbName: 'stigmer_environments' }).asPromise();
    ids = await inParallel(16, ENVIRONMENTS, create);
  });
  afterAll(async () => {
    server.close();
    await database.close();
    await stack.stop();
  });

  const create = async (index: number): Promise<string> => {
    const value = `${CANARY}-${index}-0`;
    const made = await server.environments.create({
      apiVersion: 'agentic.stigmer.ai/v1',
      kind: 'Environment',
      metadata: { name: `rotated-${index}`, org: 'default', ownerScope: ApiResourceOwnerScope.organization },
      spec: { data: { TOKEN: { value, isSecret: true } } },
    });
    const id = made.metadata?.id ?? '';
    values.set(id, value);
    return id;
  };
  const read = async (environmentId: string): Promise<string> =>
    (await server.environments.getSecretValue({ environmentId, key: 'TOKEN' })).value;
  const write = async (environmentId: string, value: string): Promise<void> => {
    await server.environments.updateVariables({
      environmentId,
      variables: { TOKEN: { value, isSecret: true } },
    });
  };
  const wrongOnes = async (): Promise<readonly string[]> => {
    const found = await inParallel(8, ids.length, async (index) => {
      const id = ids[index] ?? '';
      return (await read(id)) === values.get(id) ? [] : [id];
    });
    return found.flat();
  };

  const keys = async (...args: readonly string[]): Promise<Outcome> => {
    const outcome = await stack.stigmer(['keys', ...args]);
    printed.push({ name: `keys ${args.join(' ')}`, bytes: Buffer.from(outcome.stdout + outcome.stderr) });
    return outcome;
  };
  const ring = async (): Promise<Ring> =>
    JSON.parse(succeeded(await keys('status', '--output', 'json')).stdout) as Ring;
  const idOf = ({ keys: all }: Ring, state: string): string =>
    all.find((key) => key.state === `KEY_STATE_${state}`)?.id ?? '';
  /** Adds a key, promotes it and answers with the one that was active before. */
  const rotate = async (): Promise<string> => {
    const old = idOf(await ring(), 'ACTIVE');
    succeeded(await keys('add'));
    const added = idOf(await ring(), 'STANDBY');
    keyBytes.push(await readFile(join(stack.home, 'keys', added)));
    succeeded(await keys('promote', added.slice(0, 8)));
    return old;
  };
  const record = async (): Promise<Record> => {
    const found = await database
      .collection<Record & { readonly _id: string }>('key_ring')
      .findOne({ _id: 'ring' });
    if (found === null) throw new Error('no record');
    return found;
  };

  it('rotate while everybody reads and writes: nothing is lost and no answer is wrong', async () => {
    let stop = false;
    const wrong: string[] = [];
    const counts = { reads: 0, writes: 0 };
    // Each worker has environments of its own, so that it knows what a read has to answer.
    const workers = Array.from({ length: 6 }, async (_, worker) => {
      const own = ids.filter((_id, index) => index % 6 === worker);
      for (let n = 0; !stop; n++) {
        const id = own[n % own.length] ?? '';
        const value = `${CANARY}-${worker}-${n + 1}`;
        await write(id, value);
        values.set(id, value);
        counts.writes++;
        const another = own[(n * 7) % own.length] ?? '';
        if ((await read(another)) !== values.get(another)) wrong.push(another);
        counts.reads++;
      }
    });
    const load = Promise.all(workers);
    const old = await rotate();
    const refused = await keys('retire', old);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/is needed by \d+ documents/) });
    succeeded(await keys('rewrap'));
    succeeded(await keys('retire', old));
    const before = { ...counts };
    await until('the load goes on under the new key alone', () =>
      counts.writes > before.writes + 20 ? true : undefined,
    );
    stop = true;
    await load;
    expect(wrong).toEqual([]);
    expect(succeeded(await keys('verify')).stdout).toBe(
      `${ENVIRONMENTS} documents: every key and every value opens\n`,
    );
    expect(await wrongOnes()).toEqual([]);
    const after = await ring();
    expect(after.keys[0]).toMatchObject({ state: 'KEY_STATE_ACTIVE', documents: String(ENVIRONMENTS) });
    expect(await readdir(join(stack.home, 'keys'))).toEqual([after.keys[0]?.id]);
  });

  // A kill lands before, within or after the write of a batch or of its progress; `rewrap-job.int.spec.ts` stops
  // at each of these points one by one.
  it.each([
    { title: 'as it begins', kills: ['begun'] },
    { title: 'in the middle', kills: ['further on'] },
    { title: 'again and again', kills: ['begun', 'further on', 'further on'] },
  ] as const)(
    'survive a kill -9 of the service $title of a re-wrap, which goes on by itself',
    async ({ kills }) => {
      let shown = false;
      // A re-wrap that was over before it could be stopped shows nothing: then the next one has to.
      for (let tries = 0; tries < 5 && !shown; tries++) {
        const old = await rotate();
        const killed = await killAt(kills);
        shown = killed.length === kills.length;
        expect(await patiently(wrongOnes)).toEqual([]);
        const finished = await until('it is finished', async () => {
          const { rewrap } = await record();
          return rewrap?.running === false ? rewrap : undefined;
        });
        for (const { started_at, done } of killed) {
          // The same one, which nobody began anew.
          expect(finished.started_at).toEqual(started_at);
          expect(finished.done).toBeGreaterThanOrEqual(done);
        }
        expect((await ring()).keys[0]?.documents).toBe(String(ENVIRONMENTS));
        succeeded(await keys('verify'));
        // A replica that was killed counts as alive for a moment, and holds up what all have to agree to.
        await until(
          'the old key is retired',
          async () => (await keys('retire', old)).code === 0 || undefined,
        );
        expect(await wrongOnes()).toEqual([]);
      }
      expect(shown).toBe(true);
    },
  );

  /**
   * Begins a re-wrap and kills the service each time that it has come further, or as it begins. Answers with the record of
   * the re-wrap at each kill, all of which found it under way.
   */
  const killAt = async (kills: readonly ('begun' | 'further on')[]): Promise<readonly Rewrap[]> => {
    const before = (await record()).rewrap?.started_at.getTime();
    // Not waited for: the service is killed before or after it answers.
    const asked = keys('rewrap', '--no-wait');
    const killed: Rewrap[] = [];
    for (const kill of kills) {
      const pid = await until('the service is up', () => pidOf(stack));
      const from = killed.at(-1)?.done ?? 0;
      const found = await stoppedWithin(pid, record, ({ started_at, running, done }) => {
        if (started_at.getTime() === before) return 'not yet';
        if (!running || done >= ENVIRONMENTS) return 'over';
        return kill === 'begun' || done > from ? 'there' : 'not yet';
      });
      if (found === undefined) break;
      process.kill(pid, 'SIGKILL');
      await until('it is up again', async () => ((await pidOf(stack)) ?? pid) !== pid || undefined);
      killed.push(found);
    }
    await asked;
    return killed;
  };

  it('are nowhere but in their own files', async () => {
    const own = /^file (keys|context-keys|run)\/|^file encryption\.key$/;
    const places = [...(await allPlaces(stack)), ...printed].filter(({ name }) => !own.test(name));
    expect(places.map(({ name }) => name)).toContainEqual('file logs/environment-service.log');
    const root = await readFile(join(stack.home, 'encryption.key'));
    const needles = [root, ...keyBytes].flatMap((bytes) => [
      bytes,
      ...(['base64', 'base64url', 'hex'] as const).map((encoding) =>
        Buffer.from(bytes.toString(encoding).replace(/=+$/, '')),
      ),
      Buffer.from(bytes.toString('hex').toUpperCase()),
    ]);
    const found = places.filter(({ bytes }) => needles.some((needle) => bytes.includes(needle)));
    expect(found.map(({ name }) => name)).toEqual([]);
    // Secrets: neither a re-wrap nor a check may leave one behind.
    const secrets = places.filter(({ bytes }) => bytes.includes(CANARY));
    expect(secrets.map(({ name }) => name)).toEqual([]);
  });
});

/** The results of `work(0)` to `work(count - 1)`, so many at a time. */
async function inParallel<T>(
  width: number,
  count: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

async function pidOf(stack: Stack): Promise<number | undefined> {
  const { parts } = await stack.status();
  const part = parts.find(({ name }) => name === 'environment-service');
  return part?.state === 'up' ? part.pid : undefined;
}

/**
 * Lets a process run for moments only, until its re-wrap has come where it is wanted: it stands still then, and what is
 * answered stays so. Nothing when the re-wrap was over first; the process runs on then.
 */
async function stoppedWithin(
  pid: number,
  record: () => Promise<Record>,
  where: (rewrap: Rewrap) => 'not yet' | 'there' | 'over',
): Promise<Rewrap | undefined> {
  for (;;) {
    process.kill(pid, 'SIGSTOP');
    const { rewrap } = await record();
    const now = rewrap === undefined ? 'not yet' : where(rewrap);
    if (now === 'there') return rewrap;
    process.kill(pid, 'SIGCONT');
    if (now === 'over') return undefined;
    await sleep(MOMENT_MS);
  }
}
