/**
 * The process behind a running server: `server start` starts it in a session of its own and leaves. It owns all
 * other processes, which end with it whatever way it ends, and it answers `status` and `stop` on its socket.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './control';
import { layoutOf, type Layout } from './layout';
import type { StartEvent, StartRequest, StopEvent } from './messages';
import type { PartStatus } from './part';
import { makePrivateFolder, writePrivateFile } from './private-file';
import { removeRunFiles, rotateLogs, writeRunFiles } from './run-files';
import { Stack } from './stack';
import type { ServerStatus } from './status';

/** How long the processes of a supervisor that was killed may take to notice it. */
const LEFTOVER_MS = 20_000;

/** Runs the server until it is told to stop. Never returns: the process ends with it. */
export async function supervise(): Promise<never> {
  // Inherited by all parts: what they write, databases and logs included, is the owner's alone.
  process.umask(0o077);
  const [request] = (await once(process, 'message')) as [StartRequest];
  const layout = layoutOf(request.home);
  await makePrivateFolder(layout.run);
  const supervisor = new Supervisor(layout);
  process.exit(await supervisor.run(request));
}

class Supervisor {
  readonly #stop = Promise.withResolvers<'asked' | 'starter went away'>();
  readonly #onStopped: ((event: StopEvent) => void)[] = [];
  readonly #began = Date.now();
  #stack: Stack | undefined;
  #ready = false;
  #writing = Promise.resolve();

  constructor(private readonly layout: Layout) {}

  /** The exit code: 0 after a stop that was asked for, 1 when the server could not start. */
  async run(request: StartRequest): Promise<number> {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => {
        this.#askToStop();
      });
    // Ctrl-C at the start: nobody would know of a server that came up afterwards.
    process.on('disconnect', () => {
      if (!this.#ready) this.#stop.resolve('starter went away');
    });
    let socket: Server | undefined;
    try {
      socket = await this.#listen();
      const started = this.#start(request);
      const first = await Promise.race([started, this.#stop.promise]);
      if (first === 'started') {
        this.#ready = true;
        tell({ kind: 'ready', status: this.#status });
        await this.#stop.promise;
      } else {
        // Whatever came up meanwhile is stopped below; what fails now fails because of that.
        started.catch(() => undefined);
      }
      return 0;
    } catch (error) {
      tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
      return 1;
    } finally {
      await this.#stack?.stop();
      await this.#writing;
      if (socket !== undefined) await removeRunFiles(this.layout);
      // Its file goes, the connections stay: who waits for the end sees them close with this process.
      socket?.close();
    }
  }

  get #status(): ServerStatus {
    if (this.#stack === undefined) throw new Error('nothing is planned yet');
    return this.#stack.status;
  }

  #askToStop(): void {
    this.#stop.resolve('asked');
  }

  #listen(): Promise<Server> {
    return listen(this.layout.socket, (request, reply) => {
      switch (request) {
        case 'status':
          reply(this.#stack === undefined ? { running: false } : this.#status);
          break;
        case 'stop':
          this.#onStopped.push(reply);
          this.#askToStop();
          break;
      }
    });
  }

  async #start(request: StartRequest): Promise<'started'> {
    await outliveLeftovers(this.layout);
    await removeRunFiles(this.layout);
    const stack = await Stack.plan(request, this.layout, (part) => {
      this.#partChanged(part);
    });
    await writeRunFiles(this.layout, request.rootKey);
    rotateLogs(this.layout, stack.names);
    this.#stack = stack;
    await stack.start();
    return 'started';
  }

  #partChanged(part: PartStatus): void {
    log(part);
    if (part.state === 'up') {
      tell({ kind: 'up', part: part.name, seconds: (Date.now() - this.#began) / 1000 });
    }
    if (part.state === 'stopped') for (const reply of this.#onStopped) reply({ part: part.name });
    // One after the other, or an older state could be the last one written. Nothing depends on the file but a person
    // who looks, and the next start after a kill: a full disk is no reason to end the server.
    this.#writing = this.#writing
      .then(() => writePrivateFile(this.layout.state, `${JSON.stringify(this.#status, null, 2)}\n`))
      .catch((error: unknown) => {
        process.stderr.write(`cannot write ${this.layout.state}: ${String(error)}\n`);
      });
  }
}

/** Processes of a supervisor that was killed still hold the database until they have noticed it. */
async function outliveLeftovers(layout: Layout): Promise<void> {
  const pids = await leftoverPids(layout);
  const deadline = Date.now() + LEFTOVER_MS;
  while (pids.some(isGroupAlive) && Date.now() < deadline) await sleep(100);
}

async function leftoverPids(layout: Layout): Promise<readonly number[]> {
  try {
    const { parts } = JSON.parse(await readFile(layout.state, 'utf8')) as ServerStatus;
    return parts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  } catch {
    return [];
  }
}

function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

function tell(event: StartEvent): void {
  // Without a listener (it has left, or was killed) there is nobody to tell.
  if (process.connected) process.send?.(event);
}

function log(part: PartStatus): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...part })}\n`);
}
