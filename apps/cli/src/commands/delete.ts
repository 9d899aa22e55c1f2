import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import { KIND_HELP } from './kind-help';

/** `stigmer delete` */
export function registerDelete(program: Command, io: Io): void {
  program
    .command('delete')
    .summary('delete one resource')
    .description(
      'Deletes one resource. A run that is under way is cancelled first. An environment that instances refer to is ' +
        'refused, and they are named.',
    )
    .argument('<kind>', 'agent, workflow, environment, …')
    .argument('<ref>', 'name, id or <prefix>-<name>; runs and sessions by id')
    .option('--force', 'delete an environment although instances refer to it', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer delete agent reviewer
  $ stigmer delete environment github-production --force
${KIND_HELP}`,
    )
    .action(async (kind: string, ref: string, flags: { readonly force: boolean }, command: Command) => {
      const { remove } = await import('../resources/remove.js');
      await remove(contextOf(command, io), kind, ref, flags.force);
    });
}
