import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, listen } from './control';

let folder: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stigmer-control-'));
  path = join(folder, 'server.sock');
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function answers(request: 'status' | 'stop'): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const answer of ask(path, request)) {
    all.push(answer);
    if (request === 'status') break;
  }
  return all;
}

describe("the supervisor's socket", () => {
  it('answers who asks', async () => {
    server = await listen(path, (request, reply) => {
      reply({ request });
    });
    expect(await answers('status')).toEqual([{ request: 'status' }]);
  });

  it('yields nothing where no supervisor is', async () => {
    expect(await answers('status')).toEqual([]);
  });

  it('belongs to one supervisor at a time', async () => {
    server = await listen(path, () => undefined);
    await expect(listen(path, () => undefined)).rejects.toThrow('the server is already running');
  });

  it('is taken over from a supervisor that was killed', async () => {
    const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script, path], { timeout: 60_000 });
    expect(existsSync(path)).toBe(true);
    server = await listen(path, (_request, reply) => {
      reply('new');
    });
    expect(await answers('status')).toEqual(['new']);
  });

  it('says so when its path is too long for a socket', async () => {
    await expect(listen(join(folder, 'x'.repeat(120)), () => undefined)).rejects.toThrow(
      'choose a shorter --home',
    );
  });
});
