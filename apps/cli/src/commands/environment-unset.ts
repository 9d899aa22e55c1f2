import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer environment unset`; `environment` is the command it goes below. */
export function registerEnvironmentUnset(environment: Command, io: Io): void {
  environment
    .command('unset')
    .summary('remove variables')
    .description('Removes variables of an environment and leaves its others alone.')
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument('<key...>', 'the names of the variables')
    .option('-m, --message <text>', 'why, for the history', '')
    .addHelpText(
      'after',
      `
Example:
  $ stigmer environment unset github-production OLD_TOKEN LOG_LEVEL -m "Not needed any more"`,
    )
    .action(
      async (ref: string, keys: readonly string[], flags: { readonly message: string }, command: Command) => {
        const { unset } = await import('../environment/unset.js');
        await unset(contextOf(command, io), ref, keys, flags.message);
      },
    );
}
