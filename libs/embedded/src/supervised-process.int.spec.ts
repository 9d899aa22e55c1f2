import { mkdtemp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverEnvironment } from './config';
import { startRedis } from './index';
import { startProcess } from './supervised-process';

afterEach(() => {
  delete process.env['STIGMER_VENV'];
  delete process.env['STIGMER_SPEC_CANARY'];
});

it('gives a server nothing of our environment but what it needs to run', async () => {
  process.env['STIGMER_SPEC_CANARY'] = 'canary';
  const folder = await mkdtemp(join(tmpdir(), 'stigmer-spec-'));
  const start = startProcess({
    name: 'env',
    program: { file: '/usr/bin/env', args: [] },
    args: [],
    folder,
    environment: serverEnvironment(folder),
    temporary: true,
    logFile: join(folder, 'server.log'),
    timeoutMs: 60_000,
    probe: () => Promise.reject(new Error('never ready')),
  });
  // What `env` printed is the end of its log.
  const message = await start.then(String, String);
  expect(message).toContain(`HOME=${folder}`);
  expect(message).not.toContain('canary');
  expect(existsSync(folder)).toBe(false);
});

it('says what to do where the servers are not installed', async () => {
  process.env['STIGMER_VENV'] = '/nowhere';
  await expect(startRedis()).rejects.toThrow(/^\/nowhere\/lib is missing: run `make setup`/);
});
