import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stack, startStack, type StackStatus } from './stack';
import { stigmer, type Outcome } from './stigmer';

const FREE_PORTS = ['--port', '0', '--temporal-port', '0', '--temporal-ui-port', '0'];
const ENVIRONMENT = `
apiVersion: ai.stigmer.agentic/v1
kind: Environment
metadata: { name: kept, org: default }
spec: { data: { REGION: { value: eu-west-1 } } }
`;

/** The one key of this stack, given to `server start` by value: from there on it must be nowhere by value. */
const rootKey = randomBytes(32).toString('base64');
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ STIGMER_ENCRYPTION_KEY: rootKey });
});

afterAll(() => stack.stop());

function server(...args: readonly string[]): Promise<Outcome> {
  return stigmer(['server', ...args, '--home', stack.home], {
    variables: { STIGMER_ENCRYPTION_KEY: rootKey },
    deadlineMs: 300_000,
  });
}

async function until(wanted: (status: StackStatus) => boolean): Promise<StackStatus> {
  const deadline = Date.now() + 180_000;
  for (;;) {
    const status = await stack.status();
    if (wanted(status)) return status;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(status.parts)}`);
    await sleep(200);
  }
}

async function pids(): Promise<readonly number[]> {
  const { pid, parts } = (await stack.status()) as StackStatus & { readonly pid: number };
  return [pid, ...parts.map((part) => part.pid)];
}

/** A zombie holds nothing but its number: only its parent can take that away. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** Who has ended is not gone in that moment: the rest of them after the time that takes. */
async function leftOf(processes: readonly number[]): Promise<readonly number[]> {
  const deadline = Date.now() + 30_000;
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(50);
  return processes.filter(isAlive);
}

/** The arguments and the environment of a process, as any other one of the same user can read them. */
function commandAndEnvironment(pid: number): string {
  const flags = process.platform === 'darwin' ? ['-E', '-ww'] : ['eww'];
  return spawnSync('ps', [...flags, '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
}

it('tells where everything is, and that all parts are up', async () => {
  const { code, stdout } = await server('status');
  expect(code).toBe(0);
  for (const part of ['mongodb', 'redis', 'temporal', 'gateway', 'workflow-runner'])
    expect(stdout).toContain(part);
});

it('refuses a second start and leaves the first one alone', async () => {
  const before = await pids();
  const { code, stderr } = await server('start', ...FREE_PORTS);
  expect(code).toBe(4);
  expect(stderr).toContain('already running');
  expect(await pids()).toEqual(before);
});

it('gives no process a key by value, in its environment or its arguments', async () => {
  const seen = (await pids()).map(commandAndEnvironment);
  expect(seen.join()).toContain('STIGMER_IDENTITY_KEY_FILE');
  const token = readFileSync(join(stack.home, 'token'), 'utf8');
  for (const secret of [rootKey, token]) expect(seen.join()).not.toContain(secret);
});

it('keeps what it writes for its owner alone', () => {
  const readable = readdirSync(stack.home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => (statSync(file).mode & 0o077) !== 0);
  expect(readable).toEqual([]);
});

it('starts a part that dies again, and says so', async () => {
  const resolver = (await stack.status()).parts.find(({ name }) => name === 'resolver-service');
  process.kill(resolver?.pid ?? 0, 'SIGKILL');
  const status = await until(({ parts }) =>
    parts.some(
      ({ name, pid, state }) => name === 'resolver-service' && state === 'up' && pid !== resolver?.pid,
    ),
  );
  expect(status.parts.find(({ name }) => name === 'resolver-service')).toMatchObject({
    restarts: 1,
    problem: 'ended by itself: signal SIGKILL',
  });
});

it('shows the log of a part', async () => {
  const { code, stdout } = await server('logs', 'gateway', '--lines', '5');
  expect(code).toBe(0);
  expect(stdout).toContain('gateway is listening');
});

it('keeps the data over a stop and a start, and leaves no process between them', async () => {
  expect((await stack.stigmer(['apply', '-f', '-'], { input: ENVIRONMENT })).code).toBe(0);
  const running = await pids();
  expect((await server('stop')).code).toBe(0);
  expect(await leftOf(running)).toEqual([]);
  expect((await server('status')).code).toBe(6);
  expect((await server('start', ...FREE_PORTS)).code).toBe(0);
  stack = new Stack(stack.home);
  expect(JSON.stringify(await stack.json(['get', 'environment', 'kept']))).toContain('eu-west-1');
});

it('leaves no process behind when it is killed with -9, and starts again over what is left', async () => {
  const running = await pids();
  process.kill(running[0] ?? 0, 'SIGKILL');
  expect((await server('status')).code).toBe(6);
  expect((await server('start', ...FREE_PORTS)).code).toBe(0);
  expect(await leftOf(running)).toEqual([]);
  stack = new Stack(stack.home);
  expect(JSON.stringify(await stack.json(['get', 'environment', 'kept']))).toContain('eu-west-1');
});

it('refuses another key for the data, with the fingerprints and nothing else of either', async () => {
  expect((await server('stop')).code).toBe(0);
  const other = randomBytes(32).toString('base64');
  const { code, stderr } = await stigmer(['server', 'start', '--home', stack.home, ...FREE_PORTS], {
    variables: { STIGMER_ENCRYPTION_KEY: other },
    deadlineMs: 300_000,
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/written with the encryption key [0-9a-f]{16}, configured: [0-9a-f]{16}/);
  expect(stderr).not.toContain(other);
  expect((await server('status')).code).toBe(6);
});
