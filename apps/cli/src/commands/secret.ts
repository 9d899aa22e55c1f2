import type { Command } from 'commander';
import type { Io } from '../io';
import { registerSecretGet } from './secret-get';

/** `stigmer secret` */
export function registerSecret(program: Command, io: Io): void {
  const secret = program
    .command('secret')
    .description('Read secrets back, as their owner.')
    .addHelpText(
      'after',
      `
Example:
  $ stigmer secret get github-production GITHUB_TOKEN`,
    );
  registerSecretGet(secret, io);
}
