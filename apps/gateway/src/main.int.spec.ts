import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@stigmer/embedded';
import { testIdentities } from '@stigmer/service/testing';

/** The gateway as it is deployed: a process of its own, from the compiled code. */
const PROGRAM = join(__dirname, '../dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'stigmer-gateway-main-'));
const running = new Set<ChildProcess>();

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('compile first: npx tsc -b apps/gateway');
  writeFileSync(join(folder, 'identity.jwk'), testIdentities().privateJwk.gateway, { mode: 0o600 });
  writeFileSync(join(folder, 'token'), 'canary'.repeat(10), { mode: 0o600 });
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function startProgram(environment: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [PROGRAM], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const closed = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return { child, output, closed };
}

function complete(port: number): Readonly<Record<string, string>> {
  return {
    STIGMER_LISTEN: `127.0.0.1:${port}`,
    STIGMER_IDENTITY_KEY_FILE: join(folder, 'identity.jwk'),
    STIGMER_LOCAL_TOKEN_FILE: join(folder, 'token'),
    STIGMER_ENVIRONMENT_SERVICE: '127.0.0.1:1',
    STIGMER_CONTEXT_SERVICE: '127.0.0.1:1',
    STIGMER_RESOLVER_SERVICE: '127.0.0.1:1',
    STIGMER_CONTROL_PLANE: '127.0.0.1:1',
  };
}

describe('the process', () => {
  it('says in one message everything that is missing, and ends', async () => {
    const { output, closed } = startProgram({ STIGMER_LISTEN: '0.0.0.0:7234' });
    expect(await closed).toBe(1);
    expect(output.stderr).toMatch(/^gateway cannot start: the configuration is not usable\n/);
    for (const problem of [
      'STIGMER_LISTEN: must be loopback',
      'STIGMER_IDENTITY_KEY: is required; set STIGMER_IDENTITY_KEY_FILE',
      'STIGMER_CONTROL_PLANE: is required',
    ]) {
      expect(output.stderr).toContain(problem);
    }
  });

  it('says that its port is taken, and ends', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const { output, closed } = startProgram(complete(port));
    expect(await closed).toBe(1);
    expect(output.stderr).toContain(`gateway cannot start: cannot listen on 127.0.0.1:${port}`);
    holder.close();
  });

  it('writes JSON lines without a secret, and stops in good order on SIGTERM', async () => {
    const { child, output, closed } = startProgram(complete(await freePort()));
    while (!output.stdout.includes('listening')) await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await closed).toBe(0);
    const lines = output.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map(({ msg }) => msg)).toEqual(['gateway is listening', 'gateway has stopped']);
    expect(output.stderr).toBe('');
    expect(output.stdout).not.toContain('canary');
  });
});
