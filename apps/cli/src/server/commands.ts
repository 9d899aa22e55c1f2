import { InvalidArgumentError, type Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { LogFlags } from './logs';
import type { StartFlags } from './start';

/** `stigmer server start|stop|status|logs`: the whole system on this machine, without Docker. */
export function registerServerCommands(program: Command, io: Io): void {
  const server = program
    .command('server')
    .summary('run the whole system on this machine')
    .description(
      'Runs the whole system on this machine: databases, Temporal and all services, for one person.\n' +
        'Everything it keeps lies in one folder, ~/.stigmer or --home.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer server start
  $ stigmer server status
  $ stigmer server stop`,
    );
  registerStart(server, io);
  registerStop(server, io);
  registerStatus(server, io);
  registerLogs(server, io);
  registerSupervise(server);
}

function registerStart(server: Command, io: Io): void {
  server
    .command('start')
    .summary('start it, and return when it serves')
    .description('Starts the server in the background and returns when all its parts serve.')
    .option('--port <port>', 'the gateway’s port; 0 takes a free one', port, 7234)
    .option('--temporal-port <port>', 'Temporal’s port; 0 takes a free one', port, 7233)
    .option('--temporal-ui-port <port>', 'the port of Temporal’s web UI; 0 takes a free one', port, 8233)
    .addHelpText(
      'after',
      `
The encryption key comes from STIGMER_ENCRYPTION_KEY (base64 of 32 bytes), else from encryption.key in the home
folder; the first start makes that file. Back it up: without it the stored secrets cannot be read.

For agents, STIGMER_MODEL_URL and STIGMER_MODEL_NAME name a model behind any OpenAI-compatible endpoint, and
STIGMER_MODEL_API_KEY_FILE the file that holds its key.

Examples:
  $ stigmer server start
  $ stigmer server start --home ./scratch --port 0 --temporal-port 0 --temporal-ui-port 0
  $ STIGMER_MODEL_URL=http://127.0.0.1:11434/v1 STIGMER_MODEL_NAME=qwen3 stigmer server start`,
    )
    .action(async (flags: StartFlags, command: Command) => {
      const { start } = await import('./start.js');
      await start(contextOf(command, io), flags);
    });
}

function registerStop(server: Command, io: Io): void {
  server
    .command('stop')
    .summary('stop it; the data stays')
    .description('Stops all parts in good order. The data stays, and the next start goes on with it.')
    .addHelpText('after', '\nExamples:\n  $ stigmer server stop\n  $ stigmer server stop --home ./scratch')
    .action(async (_flags: unknown, command: Command) => {
      const { stop } = await import('./stop.js');
      await stop(contextOf(command, io));
    });
}

function registerStatus(server: Command, io: Io): void {
  server
    .command('status')
    .summary('what runs, and where')
    .description('Shows each part with its state, its address and why it was restarted last.')
    .addHelpText(
      'after',
      `
Exit codes: 0 all parts run, 1 some do not, 6 the server is not running.

Examples:
  $ stigmer server status
  $ stigmer server status --output json`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const { showStatus } = await import('./show-status.js');
      await showStatus(contextOf(command, io));
    });
}

function registerLogs(server: Command, io: Io): void {
  server
    .command('logs')
    .summary('what the parts write')
    .description('Shows the end of the log of one part, or of all.')
    .argument('[part]', 'as `stigmer server status` names them, or "server" for the supervisor; default: all')
    .option('-f, --follow', 'go on with what is added, until Ctrl-C', false)
    .option('-n, --lines <n>', 'how many lines of each log', lines, 50)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer server logs gateway --follow
  $ stigmer server logs gateway --output json      a JSON document per line
  $ stigmer server logs --lines 5`,
    )
    .action(async (part: string | undefined, flags: LogFlags, command: Command) => {
      const { logs } = await import('./logs.js');
      await logs(contextOf(command, io), part, flags);
    });
}

/** What `start` runs in the background; of no use to a person. */
function registerSupervise(server: Command): void {
  server.command('supervise', { hidden: true }).action(async () => {
    const { supervise } = await import('./supervisor.js');
    await supervise();
  });
}

function port(text: string): number {
  return wholeNumber(text, 0, 65_535, 'a port from 0 to 65535.');
}

function lines(text: string): number {
  return wholeNumber(text, 0, 100_000, 'a number from 0 to 100000.');
}

function wholeNumber(text: string, least: number, most: number, expected: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(expected);
  return value;
}
