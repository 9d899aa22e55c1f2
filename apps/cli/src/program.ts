import { Command, CommanderError, Help, Option } from 'commander';
import { version } from '../package.json';
import { registerAgent } from './commands/agent';
import { registerApply } from './commands/apply';
import { registerCancel } from './commands/cancel';
import { registerDelete } from './commands/delete';
import { registerEnvironment } from './commands/environment';
import { registerExplain } from './commands/explain';
import { registerGet } from './commands/get';
import { registerKeys } from './commands/keys';
import { registerList } from './commands/list';
import { registerSecret } from './commands/secret';
import { registerWorkflow } from './commands/workflow';
import { readSettings } from './config';
import type { Format, GlobalFlags } from './context';
import { Exit, ExitCode } from './exit-codes';
import type { Io } from './io';
import { registerServerCommands } from './server/commands';
import { UsageError } from './usage-error';

const FORMATS: readonly Format[] = ['table', 'json', 'yaml'];

/** Runs one invocation and returns its exit code. Nothing is thrown and nothing but the streams of `io` is touched. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const program = buildProgram(io);
  try {
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.done;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.done;
    // A group without a command: its help has been shown.
    if (error instanceof CommanderError && error.code === 'commander.help') return ExitCode.usage;
    const { output, ...flags } = program.opts<GlobalFlags>();
    const { reportError } = await import('./output/errors.js');
    return reportError(fromCommander(error), io, output, readSettings(flags).colour);
  }
}

/** The tree of all commands. Building it loads no library but commander: what a command needs, its action loads. */
function buildProgram(io: Io): Command {
  const program = new Command('stigmer')
    .description('Configuration and secrets for agents and workflows at run time.')
    .version(version, '-V, --version')
    .option('--address <host:port>', 'the server (or STIGMER_ADDRESS; default 127.0.0.1:7234)')
    .option('--org <org>', 'the organization (or STIGMER_ORG; default "default")')
    .option('--home <folder>', 'where `server start` keeps its files (or STIGMER_HOME; default ~/.stigmer)')
    .addOption(
      new Option('-o, --output <format>', 'how to write the answer').choices(FORMATS).default('table'),
    )
    .configureHelp({ showGlobalOptions: true, optionDescription })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // Errors are written once, by reportError, in the form that --output asks for.
      outputError: () => undefined,
    })
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', TOUR);
  for (const register of [
    registerApply,
    registerGet,
    registerList,
    registerDelete,
    registerEnvironment,
    registerExplain,
    registerAgent,
    registerWorkflow,
    registerCancel,
    registerSecret,
    registerKeys,
    registerServerCommands,
  ]) {
    register(program, io);
  }
  inheritSettings(program);
  return program;
}

/** Commander's own, but for defaults that tell nobody anything. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (?:false|""|\[\])\)$/, '');
}

/** Commander copies its settings to a command made with `.command()` only; the server's may be made otherwise. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}

/** Commander's own complaints as ours. It quotes the whole argument: what stands behind a `=` may be a secret. */
function fromCommander(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const message = error.message.replace(/^error: /, '').replaceAll(/'(-[^'=]*)=[^']*'/g, "'$1=…'");
  return new UsageError(message, '`stigmer --help`, or --help after a command, shows what there is');
}

const TOUR = `
A first tour:
  $ stigmer server start                                  everything, on this machine
  $ stigmer apply environment.yaml agent.yaml             what to run, and with what
  $ stigmer explain agent reviewer                        which value comes from where, before anything runs
  $ stigmer agent execute reviewer --message "Review PR #123" --secret GITHUB_TOKEN

Exit codes: 0 done, 1 unexpected, 2 usage or input, 3 not found, 4 refused, 5 not allowed, 6 server unavailable,
7 the run failed, 8 the run was cancelled, 130 interrupted.`;
