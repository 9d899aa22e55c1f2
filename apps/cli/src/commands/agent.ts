import type { Command } from 'commander';
import type { Io } from '../io';
import { registerAgentExecute } from './agent-execute';
import { registerCancelOf } from './cancel';

/** `stigmer agent` */
export function registerAgent(program: Command, io: Io): void {
  const agent = program
    .command('agent')
    .description('Run agents.')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer agent execute reviewer --message "Review PR #123"
  $ stigmer agent cancel aex-01k…`,
    );
  registerAgentExecute(agent, io);
  registerCancelOf(agent, io, 'aex');
}
