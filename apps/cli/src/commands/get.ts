import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import { KIND_HELP } from './kind-help';

/** `stigmer get` */
export function registerGet(program: Command, io: Io): void {
  program
    .command('get')
    .summary('show one resource')
    .description('Shows one resource. A secret is never shown: its value reads ********.')
    .argument('<kind>', 'agent, workflow, environment, …')
    .argument('<ref>', 'name, id or <prefix>-<name>; runs and sessions by id; NAME@VERSION of an environment')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer get environment github-production
  $ stigmer get environment github-production@12                as it was at version 12, or at a tag
  $ stigmer get agent reviewer --output yaml > reviewer.yaml   to edit it and apply it again
  $ stigmer get workflow-execution wex-01k… -o json
${KIND_HELP}`,
    )
    .action(async (kind: string, ref: string, _flags: unknown, command: Command) => {
      const { get } = await import('../resources/get.js');
      await get(contextOf(command, io), kind, ref);
    });
}
