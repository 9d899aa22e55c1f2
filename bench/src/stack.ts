import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Identity, type ServiceName } from '@stigmer/service';
import type { Bench } from './bench';
import { baseEnvironment } from './config';

const CLI = join(dirname(dirname(__dirname)), 'apps', 'cli', 'bin', 'stigmer.js');
const run = promisify(execFile);

/** Everything as `stigmer server start` starts it. */
export interface Stack {
  readonly home: string;
  readonly gateway: string;
  readonly parts: readonly { readonly name: string; readonly pid: number; readonly address: string }[];
}

export function stack(bench: Bench): Promise<Stack> {
  return bench.once('stack', async () => {
    const home = await bench.folder('home');
    bench.atEnd(() => stigmer(['server', 'stop', '--home', home]));
    await stigmer([
      ...['server', 'start', '--home', home],
      ...['--port', '0', '--temporal-port', '0', '--temporal-ui-port', '0'],
    ]);
    const status = await stigmer(['server', 'status', '--home', home, '--output', 'json']);
    return { ...(JSON.parse(status) as Stack), home };
  });
}

/** The identity of a service of the stack. */
export async function identityOf({ home }: Stack, name: ServiceName): Promise<Identity> {
  return Identity.fromJwk(await readFile(join(home, 'run', `${name}.identity.json`), 'utf8'));
}

export function addressOf({ parts }: Stack, name: ServiceName): string {
  const part = parts.find((each) => each.name === name);
  if (part === undefined) throw new Error(`the stack has no ${name}`);
  return part.address;
}

async function stigmer(args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [CLI, ...args], {
    env: { ...baseEnvironment(), NO_COLOR: '1' },
    timeout: 120_000,
  });
  return stdout;
}
