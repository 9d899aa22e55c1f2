import { InvalidArgumentError, type Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import { KIND_HELP } from './kind-help';

interface ListFlags {
  readonly all: boolean;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** `stigmer list` */
export function registerList(program: Command, io: Io): void {
  program
    .command('list')
    .summary('list the resources of a kind')
    .description('Lists the resources of a kind, one page at a time or all of them.')
    .argument('<kind>', 'agents, workflows, environments, …')
    .option('--all', 'every page', false)
    .option('--page-size <n>', 'resources on a page', pageSize, 50)
    .option('--page-token <token>', 'where the page before said the next one begins', '')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer list environments
  $ stigmer list workflow-executions --page-size 10
  $ stigmer list agents --all --output json
${KIND_HELP}`,
    )
    .action(async (kind: string, flags: ListFlags, command: Command) => {
      const { list } = await import('../resources/list.js');
      await list(contextOf(command, io), kind, flags);
    });
}

function pageSize(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 1000)
    throw new InvalidArgumentError('a number from 1 to 1000.');
  return size;
}
