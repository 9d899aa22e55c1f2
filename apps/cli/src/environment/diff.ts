import { toJson } from '@bufbuild/protobuf';
import { EnvironmentDiffSchema } from '@stigmer/proto/agentic/environment/v1/io';
import { withOwnedServer, withServer } from '../client';
import type { Context } from '../context';
import { print } from '../output/print';
import { UsageError } from '../usage-error';
import { environmentReference, parseVersioned, type VersionedName } from './reference';
import { renderDiff } from './render-diff';

export interface DiffFlags {
  readonly versions?: readonly string[];
  /** Compares secrets too, which the server does for the owner alone. */
  readonly compareSecrets: boolean;
  /** Shows what is the same as well. */
  readonly all: boolean;
}

/** Compares two environments, or two versions of one. */
export async function diff(
  context: Context,
  left: string,
  right: string | undefined,
  flags: DiffFlags,
): Promise<void> {
  const [a, b] = sidesOf(left, right, flags.versions);
  const connected = flags.compareSecrets ? withOwnedServer : withServer;
  const answer = await connected(context, (server) =>
    server.environments.diff({
      left: environmentReference(server.org, a),
      right: environmentReference(server.org, b),
    }),
  );
  const data = toJson(EnvironmentDiffSchema, answer, { useProtoFieldName: true });
  const colour = context.colour && context.io.stdout.isTTY === true;
  await print(context, data, () => renderDiff(answer, { all: flags.all, colour }));
}

/** `A B`, `A@3 A@5`, `A@3` (against the current one), `A --versions 3 5`. */
export function sidesOf(
  left: string,
  right: string | undefined,
  versions: readonly string[] | undefined,
): readonly [VersionedName, VersionedName] {
  const first = parseVersioned(left);
  if (versions !== undefined) {
    const [from, to, ...more] = versions;
    if (
      from === undefined ||
      to === undefined ||
      more.length > 0 ||
      right !== undefined ||
      first.version !== ''
    ) {
      throw new UsageError('--versions compares two versions of one environment', 'diff NAME --versions 3 5');
    }
    return [
      { name: first.name, version: from },
      { name: first.name, version: to },
    ];
  }
  if (right !== undefined) return [first, parseVersioned(right)];
  if (first.version === '') {
    throw new UsageError(
      'there is nothing to compare with',
      'diff A B, diff A@3 A@5, or diff A@3 for the current one',
    );
  }
  return [first, { name: first.name, version: '' }];
}
