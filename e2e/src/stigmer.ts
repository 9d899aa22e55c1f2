import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const repository = resolve(__dirname, '../..');
const program = join(repository, 'apps/cli/dist/main.js');

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/**
 * Runs the real CLI as a person would, with an environment of its own.
 * In: its arguments. Out: exit code, output and errors. Throws when it does not end within the deadline.
 */
export function stigmer(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const deadlineMs = options.deadlineMs ?? 240_000;
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd ?? repository,
      env: { PATH: pathWithTools(), LANG: 'C.UTF-8', ...options.variables },
    });
    const output = { stdout: '', stderr: '' };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(
        new Error(
          `stigmer ${args.join(' ')} did not end in ${deadlineMs} ms:\n${output.stdout}${output.stderr}`,
        ),
      );
    }, deadlineMs);
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code: code ?? -1, ...output });
    });
    child.stdin.end(options.input ?? '');
  });
}

/** Requires exit code 0; what was printed is in the error otherwise. */
export function succeeded(outcome: Outcome, what = 'stigmer'): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(`${what} ended with exit code ${outcome.code}:\n${outcome.stdout}\n${outcome.stderr}`);
}

/** The MCP servers of the examples are started by name, from the repository's own packages. */
export function pathWithTools(): string {
  return [
    join(repository, 'node_modules/.bin'),
    resolve(process.execPath, '..'),
    process.env['PATH'] ?? '',
  ].join(':');
}
