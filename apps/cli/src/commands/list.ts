import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { ListRequest } from '../resources/list';
import { KIND_HELP } from './kind-help';
import { addPageFlags } from './page-flags';

/** `stigmer list` */
export function registerList(program: Command, io: Io): void {
  const command = program
    .command('list')
    .summary('list the resources of a kind')
    .description('Lists the resources of a kind, one page at a time or all of them.')
    .argument('<kind>', 'agents, workflows, environments, …');
  addPageFlags(command, 'resources')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer list environments
  $ stigmer list workflow-executions --page-size 10
  $ stigmer list agents --all --output json
${KIND_HELP}`,
    )
    .action(async (kind: string, flags: ListRequest, invoked: Command) => {
      const { list } = await import('../resources/list.js');
      await list(contextOf(invoked, io), kind, flags);
    });
}
