import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { WorkflowRunFlags } from '../runs/execute-workflow';
import { addVariableFlags, VARIABLE_HELP } from '../variables/flags';
import { RUN_HELP } from './run-help';

/** `stigmer workflow execute`; `workflow` is the command it goes below. */
export function registerWorkflowExecute(workflow: Command, io: Io): void {
  const command = workflow
    .command('execute')
    .summary('run a workflow')
    .description('Runs a workflow, shows its tasks as they go, and ends with its output.')
    .argument('<ref>', 'the workflow or one of its instances: name, id or <prefix>-<name>')
    .option('-t, --trigger <text>', 'the message that triggers the run', '')
    .option(
      '--input <json|file|->',
      'the input: JSON, the name of a JSON or YAML file, or - for the standard input',
    )
    .option('--instance <ref>', 'the instance to run; default: the only one there is');
  addVariableFlags(command)
    .option('--no-wait', 'start the run, print its id, and leave')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer workflow execute deploy --trigger "Deploy to production" -e ENVIRONMENT=prod --secret AWS_SECRET_KEY
  $ stigmer workflow execute deploy --input '{"version": "1.4.0"}' --secret-file deploy.secrets
  $ stigmer workflow execute deploy --input request.json --no-wait
${VARIABLE_HELP}
${RUN_HELP}`,
    )
    .action(async (ref: string, flags: WorkflowRunFlags, invoked: Command) => {
      const { executeWorkflow } = await import('../runs/execute-workflow.js');
      await executeWorkflow(contextOf(invoked, io), ref, flags);
    });
}
