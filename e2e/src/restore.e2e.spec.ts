import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo } from '@stigmer/embedded';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { Identity, serviceClient } from '@stigmer/service';
import { type Backup, BACKED_UP, dump, restore } from './backup';
import { startReceiver, type Receiver } from './receiver';
import { apply, callTo, ended, environment, startRun, waitFor, workflowWith } from './runs';
import { attemptStart, type Stack, startStack, startStackIn } from './stack';
import { succeeded } from './stigmer';
import { until } from './until';

const FIRST = 'cnry-restored-1f0c44';
const SECOND = 'cnry-restored-29ab07';

interface Ring {
  readonly keys: readonly { readonly id: string; readonly state: string }[];
}

/**
 * The drill of docs/operations.md on one installation that lives, rotates its keys and is lost. Its copies were taken
 * while it ran: `before` needs the root key and the first added one, `after` the second added one alone.
 */
describe('what is restored from a backup', () => {
  const started: Stack[] = [];
  let receiver: Receiver;
  let folder: string;
  let before: Backup;
  let after: Backup;
  let contexts: Backup;
  let waiting: string;
  let retired: string;

  beforeAll(async () => {
    receiver = await startReceiver();
    folder = await mkdtemp(join(tmpdir(), 'stigmer-restore-'));
    const stack = await startStack();
    started.push(stack);
    const { mongodb } = await stack.status();
    await apply(
      stack,
      environment('early', FIRST),
      workflowWith('early', 'calling', callTo(receiver.url)),
      workflowWith('early', 'waiting', waitFor(600)),
    );
    waiting = await startRun(stack, 'waiting');
    await until('the run has its context', async () => {
      contexts = await dump(mongodb, ['stigmer_contexts']);
      return contexts.get('stigmer_contexts')?.get('contexts')?.length === 1 ? true : undefined;
    });

    const root = (await keys(stack, 'status')).keys.map(({ id }) => id);
    retired = await promoteNew(stack, root);
    await apply(stack, environment('late', SECOND));
    before = await dump(mongodb, BACKED_UP);
    await keep(stack.home, 'before');

    await promoteNew(stack, [...root, retired]);
    await keys(stack, 'rewrap');
    await keys(stack, 'retire', retired);
    after = await dump(mongodb, BACKED_UP);
    await keep(stack.home, 'after');
    await stack.stop();
  });
  afterAll(async () => {
    for (const stack of started) await stack.stop();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  const keys = async (stack: Stack, ...args: readonly string[]): Promise<Ring> =>
    (await stack.json(['keys', ...args])) as Ring;
  /** Adds a key and makes it the active one; its id. */
  const promoteNew = async (stack: Stack, known: readonly string[]): Promise<string> => {
    const added = (await keys(stack, 'add')).keys.find(({ id }) => !known.includes(id));
    await keys(stack, 'promote', added?.id ?? '');
    return added?.id ?? '';
  };
  /** Keeps the keys of an installation, apart from its data, as an operator would. */
  const keep = async (home: string, name: string): Promise<void> => {
    for (const part of ['encryption.key', 'keys', 'context-keys']) {
      await cp(join(home, part), join(folder, name, part), { recursive: true }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    }
  };
  /** A new home with the data of a backup and the keys that were kept under a name, if any. */
  const newHome = async (backup: Backup, kept?: string): Promise<string> => {
    const home = await mkdtemp(join(folder, 'home-'));
    const mongo = await startMongo({ dataDir: join(home, 'data', 'mongodb') });
    try {
      await restore(mongo.url, backup);
    } finally {
      await mongo.stop();
    }
    if (kept !== undefined) await cp(join(folder, kept), home, { recursive: true });
    return home;
  };
  const restored = async (backup: Backup, kept: string): Promise<Stack> => {
    // A sweep that looks often: what it finds is the same, and the test need not wait for it.
    const stack = await startStackIn(await newHome(backup, kept), { STIGMER_SWEEP_INTERVAL: '2s' });
    started.push(stack);
    return stack;
  };
  const secret = async (stack: Stack, name: string): Promise<string> => {
    const { stdout } = succeeded(await stack.stigmer(['secret', 'get', name, 'TOKEN', '--reveal']));
    return stdout.trim();
  };
  /** What the runner would get of a run's context, asked with the runner's own identity. */
  const revealed = async (stack: Stack, executionId: string): Promise<string> => {
    const part = (await stack.status()).parts.find(({ name }) => name === 'execution-context-service');
    const identity = await readFile(join(stack.home, 'run', 'workflow-runner.identity.json'), 'utf8');
    const client = serviceClient(ExecutionContextQueryController, {
      ...({ address: part?.address ?? '', audience: 'execution-context-service' } as const),
      identity: Identity.fromJwk(identity),
    });
    try {
      const { spec } = await client.getByExecutionId({ executionId });
      return JSON.stringify(spec);
    } catch (error) {
      return String(error);
    } finally {
      client.close();
    }
  };

  it('with its keys is readable, all of it, and a run works; a run that was open is ended by the sweep', async () => {
    const stack = await restored(before, 'before');
    expect([await secret(stack, 'early'), await secret(stack, 'late')]).toEqual([FIRST, SECOND]);
    const run = await startRun(stack, 'calling');
    expect((await ended(stack, run)).status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(receiver.received.map(({ headers }) => headers.authorization)).toContain(`Bearer ${FIRST}`);
    expect((await ended(stack, waiting)).status?.phase).toBe(ExecutionPhase.EXECUTION_FAILED);
    // What was copied of the contexts in the middle of that run: their epochs' keys are not part of it.
    const documents = contexts.get('stigmer_contexts')?.get('contexts') ?? [];
    const { mongodb, parts } = await stack.status();
    const sweeper = parts.find(({ name }) => name === 'control-plane')?.pid ?? 0;
    // It would destroy what is put back, as a context without a run, before anybody has looked at it.
    process.kill(sweeper, 'SIGSTOP');
    await restore(mongodb, new Map([['stigmer_contexts', new Map([['contexts', documents]])]]));
    const answer = await revealed(stack, waiting);
    process.kill(sweeper, 'SIGCONT');
    expect(answer).toContain(`the context of ${waiting} cannot be opened`);
    expect(answer).not.toContain(FIRST);
    await stack.stop();
  });

  it('after a rotation is readable with the keys of that time', async () => {
    const stack = await restored(after, 'after');
    expect([await secret(stack, 'early'), await secret(stack, 'late')]).toEqual([FIRST, SECOND]);
    expect((await keys(stack, 'status')).keys).toContainEqual(
      expect.objectContaining({ id: retired, state: 'KEY_STATE_RETIRED' }),
    );
    await stack.stop();
  });

  it('without a key is of no use: none is made beside it, and another one is refused by its fingerprint', async () => {
    const home = await newHome(before);
    const nothing = await attemptStart(home);
    expect(nothing.code).not.toBe(0);
    expect(nothing.stderr).toContain(`${join(home, 'encryption.key')} is missing`);
    const other = randomBytes(32).toString('base64');
    const { code, stderr } = await attemptStart(home, { STIGMER_ENCRYPTION_KEY: other });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/written with the encryption key [0-9a-f]{16}, configured: [0-9a-f]{16}/);
    expect(stderr).not.toContain(other);
  });

  it('from before a key was retired says that it needs that key', async () => {
    const home = await newHome(before, 'after');
    const { code, stderr } = await attemptStart(home);
    expect(code).not.toBe(0);
    expect(stderr).toContain(retired);
    // The copy that was kept of it then is what opens it now.
    await mkdir(join(home, 'keys'), { recursive: true });
    await cp(join(folder, 'before', 'keys'), join(home, 'keys'), { recursive: true });
    const stack = await startStackIn(home);
    started.push(stack);
    expect(await secret(stack, 'late')).toBe(SECOND);
    await stack.stop();
  });
});
