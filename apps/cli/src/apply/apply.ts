import type { Stigmer } from '@stigmer/sdk';
import { withServer } from '../client';
import type { Context } from '../context';
import { identityOf } from '../manifest/identity';
import { readAll } from '../manifest/read-all';
import { inDependencyOrder } from '../manifest/order';
import type { Manifest } from '../manifest/read-resource';
import { print } from '../output/print';
import { table } from '../output/table';
import { UsageError } from '../usage-error';
import { warnOfWeakSecret, weakSecretsOf } from '../variables/weak-secret';
import { ApplyError } from './apply-error';
import type { Outcome } from './outcome';
import { plan } from './plan';
import { write } from './write';

export interface ApplyRequest {
  readonly paths: readonly string[];
  readonly dryRun: boolean;
  /** `key=value` for programs. */
  readonly config: readonly string[];
}

/** Applies everything the paths describe, or shows what that would do. */
export async function apply(context: Context, { paths, dryRun, config }: ApplyRequest): Promise<void> {
  if (paths.length === 0)
    throw new UsageError('nothing to apply', 'name a file, a folder or - for the standard input');
  const manifests = inDependencyOrder(await readAll(context, paths, parseConfig(config)));
  warnOfWeakSecrets(context, manifests);
  const run = (server: Stigmer) => (dryRun ? plan(server, manifests) : write(server, manifests));
  const outcomes = await withServer(context, run);
  await print(context, { resources: outcomes.map(asJson) }, () => asTable(outcomes));
  const failures = outcomes.flatMap(({ error, manifest }) =>
    error === undefined ? [] : [{ manifest, error }],
  );
  if (failures.length > 0) throw new ApplyError(failures);
}

function warnOfWeakSecrets(context: Context, manifests: readonly Manifest[]): void {
  for (const manifest of manifests) {
    const { kind, name } = identityOf(manifest);
    for (const key of weakSecretsOf(manifest.resource)) warnOfWeakSecret(context, `${kind} ${name}: ${key}`);
  }
}

function parseConfig(pairs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.map((pair, index) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--config number ${index + 1}: write --config key=value`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function asJson({ manifest, result, id, changes }: Outcome) {
  const { kind, name } = identityOf(manifest);
  return { kind, name, ...(id !== undefined && { id }), result, ...(changes !== undefined && { changes }) };
}

function asTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ manifest, result }) => {
    const { kind, name } = identityOf(manifest);
    return { kind, name, result };
  });
  const changes = outcomes.flatMap(({ manifest, changes = [] }) =>
    changes.length === 0
      ? []
      : [
          `\n${identityOf(manifest).kind} ${identityOf(manifest).name}`,
          ...changes.map(
            ({ path, change }) => `  ${MARKS[change]} ${path}${change === 'secret' ? SECRET_NOTE : ''}`,
          ),
        ],
  );
  return [
    table(
      ['KIND', 'NAME', 'RESULT'],
      rows.map(({ kind, name, result }) => [kind, name, result]),
    ),
    ...changes,
  ].join('\n');
}

const MARKS = { added: '+', removed: '-', changed: '~', secret: '?' } as const;
const SECRET_NOTE = '  (secret: the server compares it when it is written)';
