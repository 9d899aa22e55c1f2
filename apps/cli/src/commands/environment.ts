import type { Command } from 'commander';
import type { Io } from '../io';
import { registerEnvironmentDiff } from './environment-diff';
import { registerEnvironmentExport } from './environment-export';
import { registerEnvironmentHistory } from './environment-history';
import { registerEnvironmentImport } from './environment-import';
import { registerEnvironmentPrune } from './environment-prune';
import { registerEnvironmentRollback } from './environment-rollback';
import { registerEnvironmentSet } from './environment-set';
import { registerEnvironmentTag } from './environment-tag';
import { registerEnvironmentUnset } from './environment-unset';
import { registerEnvironmentUntag } from './environment-untag';
import { registerEnvironmentUsedBy } from './environment-used-by';

/** `stigmer environment`, or `stigmer env` */
export function registerEnvironment(program: Command, io: Io): void {
  const environment = program
    .command('environment')
    .alias('env')
    .summary('change single variables; history, versions, files')
    .description(
      'Change single variables of an environment, look at its versions, move it to and from files.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer environment set github-production LOG_LEVEL=debug --secret GITHUB_TOKEN
  $ stigmer environment history github-production
  $ stigmer environment diff github-staging github-production
  $ stigmer environment export github-production > production.env`,
    );
  for (const register of [
    registerEnvironmentSet,
    registerEnvironmentUnset,
    registerEnvironmentImport,
    registerEnvironmentExport,
    registerEnvironmentHistory,
    registerEnvironmentDiff,
    registerEnvironmentRollback,
    registerEnvironmentTag,
    registerEnvironmentUntag,
    registerEnvironmentPrune,
    registerEnvironmentUsedBy,
  ]) {
    register(environment, io);
  }
}
