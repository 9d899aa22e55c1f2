import { InvalidArgumentError, type Command } from 'commander';

/** The flags of every command that answers page by page; `things` is what a page holds. */
export function addPageFlags(command: Command, things: string): Command {
  return command
    .option('--all', 'every page', false)
    .option('--page-size <n>', `${things} on a page`, parsePageSize, 50)
    .option('--page-token <token>', 'where the page before said the next one begins', '');
}

function parsePageSize(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 1000)
    throw new InvalidArgumentError('a number from 1 to 1000.');
  return size;
}
