import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { ListRequest } from '../resources/list';
import { addPageFlags } from './page-flags';

/** `stigmer environment history`; `environment` is the command it goes below. */
export function registerEnvironmentHistory(environment: Command, io: Io): void {
  const command = environment
    .command('history')
    .summary('list the versions')
    .description(
      'Lists the versions of an environment, the newest first: who wrote it, when and why, and which variables it ' +
        'added (+), changed (~) and removed (-). No value is in it.',
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>');
  addPageFlags(command, 'versions')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment history github-production
  $ stigmer environment history github-production --all --output json

The current version has a *. A version is named by its number, its id or a tag: NAME@12, NAME@stable.`,
    )
    .action(async (ref: string, flags: ListRequest, invoked: Command) => {
      const { history } = await import('../environment/history.js');
      await history(contextOf(invoked, io), ref, flags);
    });
}
