/**
 * A server process that cannot outlive the process that started it, not even one that is killed with -9.
 *
 * Linux alone could do this with PR_SET_PDEATHSIG, and Node reaches no such call. What works on Linux and macOS is
 * a pipe: the kernel closes the starter's end whatever way the starter dies. So a shell forks a watcher that blocks
 * on that pipe, then becomes the server by `exec`. The server keeps the shell's process id and leads a process
 * group of its own, so one signal to the group reaches whatever it started, and a Ctrl-C in the terminal does not.
 * While the watcher lives in the group, the kernel gives the id to nobody else: it cannot kill a stranger.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from './binaries';

const STOP_GRACE_MS = 15_000;
const LOG_TAIL_LINES = 15;

const WATCHER = `
scratch=$1; shift
exec 3<&0 </dev/null
(
  read -r _ <&3
  if [ -z "$scratch" ]; then
    kill -TERM $$
    tries=0
    while [ $tries -lt 100 ] && kill -0 $$; do sleep 0.1; tries=$((tries + 1)); done
  fi
  kill -KILL $$
  [ -z "$scratch" ] || rm -rf "$scratch"
  kill -KILL -$$
) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** What to run and where it keeps its things. */
export interface ProcessPlan {
  readonly name: string;
  readonly program: Program;
  readonly args: readonly string[];
  readonly folder: string;
  /** All that the program sees of an environment; nothing is inherited. */
  readonly environment: NodeJS.ProcessEnv;
  /** Nobody will read the folder again: stop at once instead of in good order, and remove it. */
  readonly temporary: boolean;
  readonly logFile: string;
  readonly timeoutMs: number;
  /** Resolves when the server answers as it will answer its users; rejects while it does not. */
  readonly probe: () => Promise<void>;
  /** Gives up waiting for the probe, and stops. */
  readonly signal?: AbortSignal;
}

/** A started server. */
export interface SupervisedProcess {
  /** The server's process id, which is also its process group's. */
  readonly pid: number;
  /** Resolves when the process is gone, whoever ended it, with how it ended: `exit code 1`, `signal SIGKILL`. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the process and waits until its probe succeeds; on failure nothing of it is left, and the log's end is told. */
export async function startProcess(plan: ProcessPlan): Promise<SupervisedProcess> {
  const { child, logStart } = spawnWatched(plan);
  const started = supervise(child, plan);
  try {
    await untilReady(plan, started.exited);
    return started;
  } catch (cause) {
    const tail = logTail(plan.logFile, logStart);
    await started.stop();
    throw new Error(`${plan.name} did not start: ${(cause as Error).message}\n${tail}`, { cause });
  }
}

function spawnWatched(plan: ProcessPlan): { readonly child: ChildProcess; readonly logStart: number } {
  const log = openSync(plan.logFile, 'a', 0o600);
  try {
    const logStart = fstatSync(log).size;
    const scratch = plan.temporary ? plan.folder : '';
    const command = [plan.program.file, ...plan.program.args, ...plan.args];
    const child = spawn('/bin/sh', ['-c', WATCHER, 'stigmer-watcher', scratch, ...command], {
      cwd: plan.folder,
      env: plan.environment,
      detached: true,
      stdio: ['pipe', log, log],
    });
    return { child, logStart };
  } finally {
    closeSync(log);
  }
}

function supervise(child: ChildProcess, plan: ProcessPlan): SupervisedProcess {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${plan.name} did not start: /bin/sh cannot be run`);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      // Whatever the server left in its group, the watcher included.
      signalGroup(pid, 'SIGKILL');
      resolve(signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`);
    });
  });
  // A program that forgets to stop its servers may still end; they end with it.
  child.unref();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopProcess(child, pid, exited, plan));
  return { pid, exited, stop };
}

/** Closing the pipe is the same way out as the starter's death, so that way is used, and tested, every day. */
async function stopProcess(
  child: ChildProcess,
  pid: number,
  exited: Promise<string>,
  plan: ProcessPlan,
): Promise<void> {
  child.ref();
  if (plan.temporary) signalGroup(pid, 'SIGKILL');
  child.stdin?.destroy();
  const straggler = setTimeout(() => {
    signalGroup(pid, 'SIGKILL');
  }, STOP_GRACE_MS);
  await exited;
  clearTimeout(straggler);
  if (plan.temporary) await rm(plan.folder, { recursive: true, force: true, maxRetries: 3 });
}

async function untilReady(plan: ProcessPlan, exited: Promise<string>): Promise<void> {
  const ended = new AbortController();
  void exited.then(() => {
    ended.abort();
  });
  const deadline = Date.now() + plan.timeoutMs;
  for (;;) {
    const problem = await plan.probe().then(
      () => undefined,
      (error: unknown) => error,
    );
    // First, since another server may have answered on the port that this one could not have.
    if (ended.signal.aborted) throw new Error('it ended at once');
    if (problem === undefined) return;
    if (plan.signal?.aborted === true) throw new Error('it was stopped while it started');
    if (Date.now() > deadline) {
      throw new Error(`it did not answer within ${plan.timeoutMs / 1000} s`, { cause: problem });
    }
    await sleep(30);
  }
}

/** The last lines that this process wrote; what earlier ones left in the file is not its doing. */
function logTail(file: string, start: number): string {
  const text = readFileSync(file).subarray(start).toString();
  return text.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone, which is what was wanted.
  }
}
