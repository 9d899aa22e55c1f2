import { Option, type Command } from 'commander';
import { contextOf } from '../context';
import { FILE_FORMATS } from '../environment/formats/format';
import type { ImportFlags } from '../environment/import';
import type { Io } from '../io';
import { collect } from '../variables/flags';

/** `stigmer environment import`; `environment` is the command it goes below. */
export function registerEnvironmentImport(environment: Command, io: Io): void {
  environment
    .command('import')
    .summary('set variables from a file')
    .description('Sets the variables of a file in an environment, and leaves its others alone.')
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>')
    .argument('<file>', 'a dotenv, JSON or YAML file, the manifest of a Kubernetes Secret, or -')
    .addOption(
      new Option('--format <format>', 'how the file is written, where its name does not say it').choices(
        FILE_FORMATS,
      ),
    )
    .option('-s, --secret <key>', 'store this variable as a secret (repeatable)', collect, [])
    .option('--secrets', 'store those that look like secrets as secrets', false)
    .option('--secrets-all', 'store all of them as secrets', false)
    .option('--plain', 'store the others readable, whatever they look like; a secret stays one', false)
    .option('--replace', 'remove the variables that the file does not have', false)
    .option('--dry-run', 'show what would change, and write nothing', false)
    .option('-m, --message <text>', 'why, for the history', '')
    .option('--create', 'make the environment if there is none', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment import github-production production.env --dry-run
  $ stigmer environment import github-production .env --secrets --create -m "From the old server"
  $ kubectl get secret github -o yaml | stigmer env import github-production - --format kubernetes
  $ sops -d secrets.yaml | stigmer env import github-production - --format yaml --secrets-all

What looks like a secret is refused, all of it in one answer, until --secrets, --secret or --plain says what it is.
What a Kubernetes Secret holds is a secret. Each that nobody named is listed with the reason.
What is said about a variable beside its value (description, final, expiry) stays.`,
    )
    .action(async (ref: string, file: string, flags: ImportFlags, command: Command) => {
      const { importVariables } = await import('../environment/import.js');
      await importVariables(contextOf(command, io), ref, file, flags);
    });
}
