import type { Command } from 'commander';
import type { Io } from '../io';
import { registerCancelOf } from './cancel';
import { registerWorkflowExecute } from './workflow-execute';

/** `stigmer workflow` */
export function registerWorkflow(program: Command, io: Io): void {
  const workflow = program
    .command('workflow')
    .description('Run workflows.')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer workflow execute deploy --trigger "Deploy to production"
  $ stigmer workflow cancel wex-01k…`,
    );
  registerWorkflowExecute(workflow, io);
  registerCancelOf(workflow, io, 'wex');
}
