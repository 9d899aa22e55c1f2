import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@stigmer/domain';
import { connect, type Stigmer } from '@stigmer/sdk';
import type { Context } from './context';
import { UsageError } from './usage-error';

/** Runs `work` with a connection to the server, and closes it afterwards, whatever happened. */
export async function withServer<T>(context: Context, work: (server: Stigmer) => Promise<T>): Promise<T> {
  return using(context, connect({ address: context.address, org: context.org }), work);
}

/**
 * The same with the local token, which lets the server's owner read secrets back. Only the commands that need it
 * send it, and the SDK never sends it to another machine.
 */
export async function withOwnedServer<T>(
  context: Context,
  work: (server: Stigmer) => Promise<T>,
): Promise<T> {
  const localToken = await readLocalToken(context.home);
  return using(context, connect({ address: context.address, org: context.org, localToken }), work);
}

async function using<T>(
  { address }: Context,
  server: Stigmer,
  work: (server: Stigmer) => Promise<T>,
): Promise<T> {
  try {
    return await work(server);
  } catch (error) {
    throw isUnreached(error)
      ? new DomainError('unavailable', `cannot reach the server at ${address}`)
      : error;
  } finally {
    server.close();
  }
}

/** The gRPC library's own words for "nobody listens there"; a server that is reached words its errors itself. */
function isUnreached(error: unknown): boolean {
  return (
    error instanceof DomainError &&
    error.kind === 'unavailable' &&
    /^(No connection established|Name resolution failed)/.test(error.message)
  );
}

async function readLocalToken(home: string): Promise<string> {
  const file = join(home, 'token');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    throw new UsageError(
      `cannot read the local token in ${file}`,
      'it is made by `stigmer server start`; --home or STIGMER_HOME says where it lies',
    );
  }
}
