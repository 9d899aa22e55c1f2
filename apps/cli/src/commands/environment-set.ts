import type { Command } from 'commander';
import { contextOf } from '../context';
import type { SetFlags } from '../environment/set';
import type { Io } from '../io';
import { collect } from '../variables/flags';

/** `stigmer environment set`; `environment` is the command it goes below. */
export function registerEnvironmentSet(environment: Command, io: Io): void {
  environment
    .command('set')
    .summary('set variables')
    .description('Sets variables of an environment and leaves its others alone.')
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument(
      '[key=value...]',
      'variables; KEY alone keeps the value and changes what the flags say about it',
    )
    .option(
      '-s, --secret <key>',
      'a secret: KEY asks for it, KEY=@FILE reads a file, KEY=- the standard input (repeatable)',
      collect,
      [],
    )
    .option('--plain', 'what stands on the command line is no secret, whatever it looks like', false)
    .option('--final', 'no later layer of a run may give these variables another value')
    .option('--no-final', 'later layers may again')
    .option('--expires <when>', 'a run after then is refused: 30d, 12h, 2w, 2027-01-31T00:00:00Z, or never')
    .option('--description <text>', 'what these variables are for')
    .option('-m, --message <text>', 'why, for the history', '')
    .option('--create', 'make the environment if there is none', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment set github-production LOG_LEVEL=debug REGION=eu -m "Debug the region"
  $ stigmer environment set github-production --secret GITHUB_TOKEN --expires 90d     asks for it
  $ pass github | stigmer env set github-production --secret GITHUB_TOKEN=-
  $ stigmer env set github-production --secret DEPLOY_KEY=@deploy.key --create
  $ stigmer env set github-production REGION --final                                  keeps the value

A secret never stands on the command line: the process list and the shell's history would have it. --secret KEY=VALUE
is refused, and so is a KEY=VALUE that looks like a credential or is a secret already, unless --plain is given.
Of a file and of the standard input one line break at the end is dropped.`,
    )
    .action(async (ref: string, words: readonly string[], flags: SetFlags, command: Command) => {
      const { set } = await import('../environment/set.js');
      await set(contextOf(command, io), ref, words, flags);
    });
}
