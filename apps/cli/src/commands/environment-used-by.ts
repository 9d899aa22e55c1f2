import type { Command } from 'commander';
import { contextOf } from '../context';
import type { UsedByRequest } from '../environment/used-by';
import type { Io } from '../io';
import { addPageFlags } from './page-flags';

/** `stigmer environment used-by`; `environment` is the command it goes below. */
export function registerEnvironmentUsedBy(environment: Command, io: Io): void {
  const command = environment
    .command('used-by')
    .summary('show who uses it')
    .description(
      'Shows which environments import this one, which instances refer to it, and which runs were given which ' +
        'version of which of its variables.',
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .option('--key <key>', 'only runs that got this variable from it', '')
    .option('--ended', 'runs that have ended too', false);
  addPageFlags(command, 'runs')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment used-by github-production
  $ stigmer environment used-by github-production --key GITHUB_TOKEN --ended --all   who ever got the token?`,
    )
    .action(async (ref: string, flags: UsedByRequest, invoked: Command) => {
      const { usedBy } = await import('../environment/used-by.js');
      await usedBy(contextOf(invoked, io), ref, flags);
    });
}
