import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

const EXAMPLE = `
Example:
  $ stigmer cancel wex-01kzv2…

Cancelling a run that has ended, or is being cancelled, changes nothing and is no error.`;

/** `stigmer cancel` */
export function registerCancel(program: Command, io: Io): void {
  addCancel(program, io, 'cancel a run', ['aex', 'wex']);
}

/** `stigmer agent cancel` and `stigmer workflow cancel` */
export function registerCancelOf(parent: Command, io: Io, idPrefix: 'aex' | 'wex'): void {
  addCancel(parent, io, `cancel a run`, [idPrefix]);
}

function addCancel(parent: Command, io: Io, summary: string, prefixes: readonly ('aex' | 'wex')[]): void {
  parent
    .command('cancel')
    .summary(summary)
    .description('Cancels a run: its secrets are destroyed, then it ends as cancelled.')
    .argument('<id>', `the id of the run: ${prefixes.map((prefix) => `${prefix}-…`).join(' or ')}`)
    .addHelpText('after', EXAMPLE)
    .action(async (id: string, _flags: unknown, command: Command) => {
      const { cancelRun } = await import('../runs/cancel.js');
      await cancelRun(contextOf(command, io), id, prefixes);
    });
}
