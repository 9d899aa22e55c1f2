import { DomainError } from '@stigmer/domain';
import { withOwnedServer } from '../client';
import type { Context } from '../context';
import { UsageError } from '../usage-error';
import { reference } from './reference';

/**
 * Writes one secret to the standard output. Where that is no terminal it could end in a log or a file by accident,
 * so it has to be asked for; then the value goes out as it is, without a line break of ours.
 */
export async function revealSecret(
  context: Context,
  environment: string,
  key: string,
  reveal: boolean,
): Promise<void> {
  const { io, org, format } = context;
  const terminal = io.stdout.isTTY === true;
  if (!terminal && !reveal) {
    throw new UsageError(
      'the standard output is no terminal',
      'add --reveal to write the secret there all the same',
    );
  }
  const { value } = await withOwnedServer(context, async (server) => {
    const { metadata, spec } = await server.environments.getByReference(
      reference(org, 'Environment', environment),
    );
    if (!Object.hasOwn(spec?.data ?? {}, key)) {
      throw new DomainError('not-found', 'the environment has no variable of this name');
    }
    return server.environments.getSecretValue({ environmentId: metadata?.id ?? environment, key });
  });
  if (format === 'table') io.stdout.write(terminal ? `${value}\n` : value);
  else io.stdout.write(`${JSON.stringify({ value })}\n`);
}
