import { InvalidArgumentError, type Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer environment prune`; `environment` is the command it goes below. */
export function registerEnvironmentPrune(environment: Command, io: Io): void {
  environment
    .command('prune')
    .summary('forget old versions')
    .description(
      'Forgets the old versions of an environment for good. The current one stays, and so does what has a tag or is ' +
        'pinned by an instance or an import.',
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .requiredOption('--keep <n>', 'so many of the newest stay', parseKeep)
    .addHelpText(
      'after',
      `
Example:
  $ stigmer environment prune github-production --keep 10`,
    )
    .action(async (ref: string, flags: { readonly keep: number }, command: Command) => {
      const { prune } = await import('../environment/versions.js');
      await prune(contextOf(command, io), ref, flags.keep);
    });
}

function parseKeep(text: string): number {
  const keep = Number(text);
  if (!Number.isInteger(keep) || keep < 1 || keep > 1_000_000)
    throw new InvalidArgumentError('a number from 1 to 1000000.');
  return keep;
}
