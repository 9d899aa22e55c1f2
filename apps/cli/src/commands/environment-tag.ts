import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer environment tag`; `environment` is the command it goes below. */
export function registerEnvironmentTag(environment: Command, io: Io): void {
  environment
    .command('tag')
    .summary('name a version')
    .description(
      'Makes a tag, or moves it. A reference of an instance or an import may pin it as its `version`, and a tagged ' +
        'version is never pruned.',
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument('<tag>', 'lower-case letters, digits, ".", "_" and "-", beginning with a letter')
    .argument('[version]', 'a number, an id or another tag; default: the current version')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment tag github-production stable
  $ stigmer environment tag github-production stable 12`,
    )
    .action(
      async (ref: string, name: string, version: string | undefined, _flags: unknown, command: Command) => {
        const { tag } = await import('../environment/versions.js');
        await tag(contextOf(command, io), ref, name, version ?? '');
      },
    );
}
