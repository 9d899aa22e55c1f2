import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { freePort } from '@stigmer/embedded';
import { testIdentities } from '@stigmer/service/testing';

const SOURCES = join(__dirname, '..');

/** The runner as a program: its three files, bundled from the sources. */
export interface RunnerProgram {
  readonly folder: string;
  /** Starts a process of it and waits until it polls. */
  start(variables: Readonly<Record<string, string>>): Promise<RunnerProcess>;
}

export interface RunnerProcess {
  readonly pid: number;
  /** The whole environment the process was started with. */
  readonly environment: Readonly<Record<string, string>>;
  readonly output: () => string;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

/** Bundles the runner's program, so that a test needs no build before it. */
export async function buildRunner(): Promise<RunnerProgram> {
  // Inside the repository, so that the packages it leaves out are found.
  const parent = join(SOURCES, '..', 'dist');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'test-runner-'));
  await build({
    entryPoints: { main: join(SOURCES, 'main.ts'), 'jq.worker': join(SOURCES, 'expression/jq.worker.ts') },
    ...{ outdir: folder, bundle: true, platform: 'node', format: 'cjs', target: 'node24', logLevel: 'error' },
    conditions: ['@stigmer/source'],
    plugins: [
      {
        name: 'leave-packages-out',
        setup(bundler) {
          bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
            kind === 'entry-point' || path.startsWith('@stigmer/') ? undefined : { path, external: true },
          );
        },
      },
    ],
  });
  // Temporal bundles this one itself.
  await writeFile(
    join(folder, 'workflows.js'),
    `module.exports = require(${JSON.stringify(join(SOURCES, 'workflows.ts'))});`,
  );
  return { folder, start: (variables) => startProcess(folder, variables) };
}

async function startProcess(
  folder: string,
  variables: Readonly<Record<string, string>>,
): Promise<RunnerProcess> {
  const identities = testIdentities();
  const keys = await mkdtemp(join(tmpdir(), 'stigmer-runner-keys-'));
  await writeFile(join(keys, 'identity.jwk'), identities.privateJwk['workflow-runner'], { mode: 0o600 });
  await writeFile(join(keys, 'identities.jwks'), identities.jwks);
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: keys,
    STIGMER_LISTEN: `127.0.0.1:${await freePort()}`,
    STIGMER_IDENTITY_KEY_FILE: join(keys, 'identity.jwk'),
    STIGMER_TRUSTED_IDENTITIES_FILE: join(keys, 'identities.jwks'),
    ...variables,
  };
  const child = spawn(process.execPath, [join(folder, 'main.js')], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const exit = once(child, 'exit');
  while (!output.includes('is listening')) {
    const event = await Promise.race([exit, once(child.stdout, 'data')]);
    if (event.length > 1) throw new Error(`the runner ended: ${output}`);
  }
  return {
    pid: child.pid ?? 0,
    environment,
    output: () => output,
    async kill(signal) {
      child.kill(signal);
      await exit;
    },
  };
}
