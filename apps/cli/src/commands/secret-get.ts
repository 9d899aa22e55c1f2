import type { Command } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';

/** `stigmer secret get`; `secret` is the command it goes below. */
export function registerSecretGet(secret: Command, io: Io): void {
  secret
    .command('get')
    .summary('show the value of one secret')
    .description(
      'Shows the value of one secret of an environment. The server lets only its owner do that: the command sends the ' +
        'local token that `stigmer server start` made, and the server logs who read what.',
    )
    .argument('<environment>', 'name or id')
    .argument('<key>', 'the name of the variable')
    .option('--reveal', 'also write the value where there is no terminal: to a pipe or a file', false)
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer secret get github-production GITHUB_TOKEN
  $ stigmer secret get github-production DEPLOY_KEY --reveal > deploy.key`,
    )
    .action(
      async (environment: string, key: string, flags: { readonly reveal: boolean }, command: Command) => {
        const { revealSecret } = await import('../resources/reveal-secret.js');
        await revealSecret(contextOf(command, io), environment, key, flags.reveal);
      },
    );
}
