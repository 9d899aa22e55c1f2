import type { Command } from 'commander';
import { contextOf } from '../context';
import type { DiffFlags } from '../environment/diff';
import type { Io } from '../io';

/** `stigmer environment diff`; `environment` is the command it goes below. */
export function registerEnvironmentDiff(environment: Command, io: Io): void {
  environment
    .command('diff')
    .summary('compare two environments, or two versions of one')
    .description(
      'Shows which variables differ between two environments or two versions of one: ~ different, - only left, ' +
        '+ only right, ? a secret that was not compared. No secret is shown.',
    )
    .argument('<left>', 'an environment, or NAME@VERSION')
    .argument('[right]', 'the other; without it, NAME@VERSION is compared with the current version')
    .option('--versions <version...>', 'two versions of the environment LEFT')
    .option('--compare-secrets', 'compare secrets too, as their owner; the server logs it', false)
    .option('--all', 'show what is the same as well', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment diff github-staging github-production
  $ stigmer environment diff github-production@3 github-production@5
  $ stigmer environment diff github-production --versions 3 5
  $ stigmer environment diff github-production@stable                     with the current version
  $ stigmer environment diff github-staging github-production --compare-secrets

Between versions of one environment secrets are compared for everybody: the history tells which of them changed.`,
    )
    .action(async (left: string, right: string | undefined, flags: DiffFlags, command: Command) => {
      const { diff } = await import('../environment/diff.js');
      await diff(contextOf(command, io), left, right, flags);
    });
}
