import { Option, type Command } from 'commander';
import { contextOf } from '../context';
import type { ExportFlags } from '../environment/export';
import { FILE_FORMATS } from '../environment/formats/format';
import type { Io } from '../io';

/** `stigmer environment export`; `environment` is the command it goes below. */
export function registerEnvironmentExport(environment: Command, io: Io): void {
  environment
    .command('export')
    .summary('write the variables to a file')
    .description(
      'Writes the variables of an environment as a file that `environment import` reads. Secrets are left out, and ' +
        'named, unless --with-secrets is given.',
    )
    .argument('<ref>', 'the environment: name, id or <prefix>-<name>; NAME@VERSION for an earlier version')
    .addOption(
      new Option('--format <format>', 'how to write it; default: as --out says, else dotenv').choices(
        FILE_FORMATS,
      ),
    )
    .option('--with-secrets', 'reveal the secrets too, as their owner; the server logs each', false)
    .option('--out <file>', 'write to this file, which you alone may read')
    .option('--force', 'show secrets on a terminal; write over a file that is there', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment export github-production > production.env
  $ stigmer environment export github-production@stable --format json
  $ stigmer environment export github-production --with-secrets --out production.env
  $ stigmer env export github-production --with-secrets --format kubernetes | kubectl apply -f -`,
    )
    .action(async (ref: string, flags: ExportFlags, command: Command) => {
      const { parseVersioned } = await import('../environment/reference.js');
      const { exportVariables } = await import('../environment/export.js');
      await exportVariables(contextOf(command, io), parseVersioned(ref), flags);
    });
}
