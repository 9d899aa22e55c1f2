import type { Command } from 'commander';
import type { Io } from '../io';
import { registerCancelOf } from './cancel';
import { registerWorkflowExecute } from './workflow-execute';

/** `stigmer workflow` */
export function registerWorkflow(program: Command, io: Io): void {
  const workflow = program.command('workflow').description('Run workflows.');
  registerWorkflowExecute(workflow, io);
  registerCancelOf(workflow, io, 'wex');
}
