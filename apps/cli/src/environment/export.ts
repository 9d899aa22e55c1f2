import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { Stigmer } from '@stigmer/sdk';
import { withOwnedServer, withServer } from '../client';
import type { Context } from '../context';
import { note } from '../output/print';
import { UsageError } from '../usage-error';
import { writeVariables } from './formats/files';
import { formatOfName, type FileContent, type FileFormat } from './formats/format';
import { writeOut } from './out-file';
import { environmentReference, type VersionedName } from './reference';
import { withSecrets } from './reveal';

export interface ExportFlags {
  readonly format?: FileFormat;
  readonly withSecrets: boolean;
  readonly out?: string;
  /** Writes secrets to a terminal, and over a file that is there. */
  readonly force: boolean;
}

/** Writes the variables of one environment as a file that `environment import` reads. */
export async function exportVariables(
  context: Context,
  name: VersionedName,
  flags: ExportFlags,
): Promise<void> {
  const { io } = context;
  if (flags.withSecrets && flags.out === undefined && io.stdout.isTTY === true && !flags.force) {
    throw new UsageError(
      'this would show every secret on the terminal',
      'write them to a file of yours alone with --out FILE, or add --force',
    );
  }
  const content = await readContent(context, name, flags.withSecrets);
  const text = writeVariables(formatFor(context, flags), content);
  if (flags.out === undefined) io.stdout.write(text);
  else await writeOut(flags.out, text, flags.force);
  if (content.omitted.length > 0) {
    note(
      context,
      `left out, since they are secrets: ${content.omitted.join(', ')}; --with-secrets adds them`,
    );
  }
}

/** `--output json` asks for JSON as clearly as `--format json`. */
function formatFor({ format: output }: Context, { format, out }: ExportFlags): FileFormat {
  const named = out === undefined ? undefined : formatOfName(out);
  return format ?? (output === 'table' ? (named ?? 'dotenv') : output);
}

async function readContent(context: Context, name: VersionedName, secrets: boolean): Promise<FileContent> {
  if (secrets) return withOwnedServer(context, (server) => withSecrets(server, name));
  const environment = await withServer(context, (server) => read(server, name));
  const [variables, omitted] = divide(environment);
  return {
    slug: environment.metadata?.slug ?? name.name,
    variables: variables.map(([key, { value }]) => [key, value] as const),
    omitted: omitted.map(([key]) => key),
  };
}

function read(server: Stigmer, name: VersionedName): Promise<Environment> {
  return server.environments.getByReference(environmentReference(server.org, name));
}

type Entry = readonly [string, EnvironmentValue];

/** What anybody may read, and the secrets; each in the order of the names. */
function divide({ spec }: Environment): readonly [readonly Entry[], readonly Entry[]] {
  const entries = Object.entries(spec?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [entries.filter(([, { isSecret }]) => !isSecret), entries.filter(([, { isSecret }]) => isSecret)];
}
