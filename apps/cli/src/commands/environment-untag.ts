import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer environment untag`; `environment` is the command it goes below. */
export function registerEnvironmentUntag(environment: Command, io: Io): void {
  environment
    .command('untag')
    .summary('take a tag away')
    .description('Takes a tag away. The version stays until it is pruned.')
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument('<tag>', 'the tag')
    .addHelpText(
      'after',
      `
Example:
  $ stigmer environment untag github-production stable`,
    )
    .action(async (ref: string, tag: string, _flags: unknown, command: Command) => {
      const { untag } = await import('../environment/versions.js');
      await untag(contextOf(command, io), ref, tag);
    });
}
