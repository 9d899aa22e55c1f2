import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { failedPrecondition } from '@stigmer/domain';
import type { Context } from '../context';
import { note, print } from '../output/print';
import { UsageError } from '../usage-error';
import { baseEnvironment, readServerVariables } from './config';
import { currentStatus } from './current-status';
import { layoutOf, logFileOf } from './layout';
import type { StartEvent, StartRequest } from './messages';
import { makePrivateFolder } from './private-file';
import type { ServerStatus } from './status';

export interface StartFlags {
  readonly port: number;
  readonly temporalPort: number;
  readonly temporalUiPort: number;
}

/** Starts the server and leaves when it serves; what fails is told with the end of the log of the part that failed. */
export async function start(context: Context, flags: StartFlags): Promise<void> {
  requireNode24();
  const layout = layoutOf(context.home);
  const running = await currentStatus(layout);
  if (running !== undefined) {
    throw failedPrecondition(
      `the server is already running (pid ${running.pid}) at ${running.gateway}, data in ${running.home}`,
    );
  }
  await makePrivateFolder(layout.logs);
  const supervisor = spawnSupervisor(logFileOf(layout, 'server'));
  const request: StartRequest = { home: layout.home, ...flags, ...readServerVariables() };
  supervisor.send(request);
  const status = await untilReady(supervisor, (part, seconds) => {
    note(context, `  ${part.padEnd(26)} up   ${seconds.toFixed(1)} s`);
  });
  supervisor.disconnect();
  supervisor.unref();
  await print(context, status, () => summary(status));
}

/** The services run on the Node that runs this; the CLI alone is content with less. */
function requireNode24(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major === 24 && minor >= 9) return;
  throw new UsageError(`the server needs Node 24 (24.9 or later); this is Node ${process.versions.node}`);
}

/** The same program again, as a command of its own that `--help` does not list. */
function spawnSupervisor(logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    return fork(process.argv[1] ?? '', ['server', 'supervise'], {
      detached: true,
      env: baseEnvironment(),
      execArgv: [],
      stdio: ['ignore', log, log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
}

function untilReady(
  supervisor: ChildProcess,
  onUp: (part: string, seconds: number) => void,
): Promise<ServerStatus> {
  return new Promise((resolve, reject) => {
    let problem = 'the server ended while it started: `stigmer server logs server` may say why';
    supervisor.on('message', (message) => {
      const event = message as StartEvent;
      switch (event.kind) {
        case 'up':
          onUp(event.part, event.seconds);
          break;
        case 'ready':
          resolve(event.status);
          break;
        case 'failed':
          // Told when all is stopped again, so that the next start finds nothing in its way.
          problem = event.message;
          break;
      }
    });
    supervisor.once('error', reject);
    supervisor.once('exit', () => {
      reject(new Error(problem));
    });
  });
}

function summary(status: ServerStatus): string {
  return [
    '',
    'Stigmer is running.',
    `  gateway            ${status.gateway}`,
    `  Temporal           ${status.temporal}`,
    `  Temporal's web UI  ${status.temporalUi}`,
    `  data               ${status.home}`,
    '',
    'Next: stigmer apply -f FILE; stigmer server status; stigmer server stop',
  ].join('\n');
}
