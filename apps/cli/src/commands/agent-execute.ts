import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { AgentRunFlags } from '../runs/execute-agent';
import { addVariableFlags, VARIABLE_HELP } from '../variables/flags';
import { RUN_HELP } from './run-help';

/** `stigmer agent execute`; `agent` is the command it goes below. */
export function registerAgentExecute(agent: Command, io: Io): void {
  const command = agent
    .command('execute')
    .summary('run an agent')
    .description('Runs an agent, shows what it does, and ends with its answer.')
    .argument('<ref>', 'the agent or one of its instances: name, id or <prefix>-<name>')
    .requiredOption('-m, --message <text>', 'what to ask the agent')
    .option('--instance <ref>', 'the instance to run; default: the only one there is')
    .option('--session <id>', 'put the run under this session; it starts afresh all the same')
    .option('--model <name>', "the model, instead of the runner's own");
  addVariableFlags(command)
    .option('--no-wait', 'start the run, print its id, and leave')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer agent execute reviewer --message "Review PR #123"
  $ stigmer agent execute reviewer -m "Review PR #123" --secret GITHUB_TOKEN         asks for it
  $ stigmer agent execute reviewer -m "Review PR #123" -s GITHUB_TOKEN=@token.txt -e LOG_LEVEL=debug
  $ pass github | stigmer agent execute reviewer -m "Review PR #123" -s GITHUB_TOKEN=-
  $ stigmer agent execute reviewer -m "Review PR #124" --session ses-01k…

A session groups runs of one agent with one instance. No run sees the messages of an earlier one.
${VARIABLE_HELP}
${RUN_HELP}`,
    )
    .action(async (ref: string, flags: AgentRunFlags, invoked: Command) => {
      const { executeAgent } = await import('../runs/execute-agent.js');
      await executeAgent(contextOf(invoked, io), ref, flags);
    });
}
