import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer environment rollback`; `environment` is the command it goes below. */
export function registerEnvironmentRollback(environment: Command, io: Io): void {
  environment
    .command('rollback')
    .summary('bring an earlier version back')
    .description(
      "Writes an earlier version's content anew, as the newest version, secrets included. No version is lost.",
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument('<version>', 'a number, an id or a tag')
    .option('-m, --message <text>', 'why, for the history', '')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment rollback github-production 12
  $ stigmer environment rollback github-production stable -m "The new token does not work"`,
    )
    .action(async (ref: string, version: string, flags: { readonly message: string }, command: Command) => {
      const { rollback } = await import('../environment/versions.js');
      await rollback(contextOf(command, io), ref, version, flags.message);
    });
}
