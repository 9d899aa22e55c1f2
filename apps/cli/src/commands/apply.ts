import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import { collect } from '../variables/flags';

interface ApplyFlags {
  readonly filename: readonly string[];
  readonly dryRun: boolean;
  readonly config: readonly string[];
}

/** `stigmer apply` */
export function registerApply(program: Command, io: Io): void {
  program
    .command('apply')
    .summary('create or change resources from files')
    .description(
      'Creates or changes the resources that files describe, in the order in which they depend on each other.\n' +
        'FILE is a YAML or JSON file with one or several documents, a folder, a TypeScript program, or - for the ' +
        'standard input.\nNothing is written while any of the files has an error.',
    )
    .argument('[file...]', 'what to apply')
    .option('-f, --filename <file>', 'the same as the argument (repeatable)', collect, [])
    .option('--dry-run', 'show what would change, and write nothing', false)
    .option('--config <key=value>', 'what a program reads with ctx.config (repeatable)', collect, [])
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer apply environment.yaml                 one file
  $ stigmer apply -f base.yaml -f production.yaml  several
  $ stigmer apply ./resources --dry-run            a folder: what would change
  $ cat agent.json | stigmer apply -               the standard input
  $ stigmer apply agent.ts --config region=eu      a program that declares resources

An environment:
  apiVersion: agentic.stigmer.ai/v1
  kind: Environment
  metadata:
    name: github-production
  spec:
    data:
      GITHUB_TOKEN: { value: ghp_…, is_secret: true }
      GITHUB_ORG: { value: my-org }

A file that was read with \`stigmer get KIND NAME -o yaml\` can be edited and applied: the value ******** of a
secret means "keep what is stored".`,
    )
    .action(async (files: readonly string[], flags: ApplyFlags, command: Command) => {
      const { apply } = await import('../apply/apply.js');
      await apply(contextOf(command, io), { ...flags, paths: [...files, ...flags.filename] });
    });
}
