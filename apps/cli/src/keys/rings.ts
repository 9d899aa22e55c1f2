import { toJson } from '@bufbuild/protobuf';
import { type KeyRingStatus, KeyRingStatusSchema } from '@stigmer/proto/agentic/key/v1/io';
import type { Stigmer } from '@stigmer/sdk';
import { withOwnedServer } from '../client';
import type { Context } from '../context';
import { UsageError } from '../usage-error';

/** What every command on keys is told. */
export interface RingFlags {
  readonly ring: 'environment' | 'context';
}

/** The keys of one ring. */
export type Keys = Stigmer['environmentKeys'] | Stigmer['contextKeys'];

/** A command on keys waits for all replicas, the slowest included. */
export const PATIENT = { deadlineMs: 90_000 } as const;

/** Keys are for the installation's owner, so each of these commands sends the local token. */
export function withKeys<T>(
  context: Context,
  { ring }: RingFlags,
  work: (keys: Keys) => Promise<T>,
): Promise<T> {
  return withOwnedServer(context, (server) =>
    work(ring === 'context' ? server.contextKeys : server.environmentKeys),
  );
}

/** The id of the key that a person means by it or by its beginning. */
export function idOf({ keys, ring }: KeyRingStatus, prefix: string): string {
  const ids = keys.map(({ id }) => id);
  if (ids.includes(prefix)) return prefix;
  const found = ids.filter((id) => id.startsWith(prefix));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new UsageError(
    found.length === 0
      ? `no key of the ${ring} ring begins with ${prefix}: there are ${ids.join(', ')}`
      : `${prefix} may be any of ${found.join(', ')}`,
  );
}

export function statusJson(status: KeyRingStatus) {
  return toJson(KeyRingStatusSchema, status, { useProtoFieldName: true, alwaysEmitImplicit: true });
}
