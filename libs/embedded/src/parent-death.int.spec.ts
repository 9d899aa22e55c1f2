import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { leftIn, livingProcesses } from './testing/processes';

let folder: string;
let bundle: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stigmer-spec-'));
  bundle = join(folder, 'embedded.cjs');
  await build({
    entryPoints: [join(__dirname, 'index.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: bundle,
    logLevel: 'error',
  });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Starts servers from a process of their own, which can then be killed. */
async function startInAnotherProcess(expression: string) {
  const script = `
    const { startMongo, startRedis, startTemporal } = require(process.argv[1]);
    Promise.all(${expression}).then((servers) => console.log(JSON.stringify(servers.map(({ pid }) => pid))));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', script, bundle], {
    env: { PATH: process.env['PATH'], STIGMER_VENV: join(__dirname, '../../../.venv'), TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, pids: JSON.parse(answer.toString()) as number[] };
}

it('ends with the process that started it, also when that one is killed with -9', async () => {
  const { child, pids } = await startInAnotherProcess('[startMongo(), startRedis(), startTemporal()]');
  try {
    expect(pids).toHaveLength(3);
    // Each group holds the server and its watcher.
    expect(livingProcesses(pids)).toHaveLength(6);
  } finally {
    child.kill('SIGKILL');
  }
  expect(await leftIn(pids)).toEqual([]);
});

it('removes the temporary folder of a starter that was killed with -9', async () => {
  const { child, pids } = await startInAnotherProcess('[startRedis()]');
  const scratch = (await readdir(folder)).filter((name) => name.startsWith('stigmer-'));
  expect(scratch.length).toBeGreaterThan(0);
  child.kill('SIGKILL');
  expect(await leftIn(pids)).toEqual([]);
  expect(scratch.filter((name) => existsSync(join(folder, name)))).toEqual([]);
});

it('stops in good order where the data stays', async () => {
  const data = JSON.stringify(join(folder, 'kept'));
  const { child, pids } = await startInAnotherProcess(`[startMongo({ dataDir: ${data} })]`);
  child.kill('SIGKILL');
  expect(await leftIn(pids)).toEqual([]);
  expect(existsSync(join(folder, 'kept', 'db'))).toBe(true);
});
