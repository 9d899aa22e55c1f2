import type { Command } from 'commander';
import { contextOf } from '../context';
import type { ExplainFlags } from '../explain/explain';
import type { Io } from '../io';
import { addVariableFlags, VARIABLE_HELP } from '../variables/flags';

/** `stigmer explain` */
export function registerExplain(program: Command, io: Io): void {
  const command = program
    .command('explain')
    .summary('show what a run would get, and what is wrong with it')
    .description(
      'Shows the variables a run of an agent or workflow would get: where each comes from, what it shadows, and ' +
        'everything that would keep the run from starting. Nothing runs, and no secret is read.',
    )
    .argument('<agent|workflow|ref>', 'the kind, or the name or id where it is clear without')
    .argument('[ref]', 'the template or one of its instances: name, id or <prefix>-<name>')
    .option('--instance <ref>', 'the instance to explain; default: the only one there is');
  addVariableFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer explain agent reviewer
  $ stigmer explain workflow deploy --instance deploy-staging -e REGION=eu --secret DEPLOY_TOKEN
  $ stigmer explain win-01kzv2… --output json

A --secret NAME is not asked for: that it will be given is all that counts.
${VARIABLE_HELP}

The exit code is 4 if the run would be refused.`,
    )
    .action(async (kindOrRef: string, ref: string | undefined, flags: ExplainFlags, invoked: Command) => {
      const { explain } = await import('../explain/explain.js');
      await explain(contextOf(invoked, io), kindOrRef, ref, flags);
    });
}
