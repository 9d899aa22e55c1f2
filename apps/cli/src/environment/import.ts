import { create } from '@bufbuild/protobuf';
import { isRedacted, isWeakSecret, REDACTED } from '@stigmer/domain';
import {
  EnvironmentSpecSchema,
  EnvironmentValueSchema,
  type EnvironmentSpec,
  type EnvironmentValue,
} from '@stigmer/proto/agentic/environment/v1/spec';
import { withServer } from '../client';
import type { Context } from '../context';
import { ManifestError } from '../manifest/problem';
import { note, print } from '../output/print';
import { readStdin, readText } from '../variables/read-secret';
import { warnOfWeakSecret } from '../variables/weak-secret';
import { editEnvironment, findEnvironment } from './edit';
import { readDetected, readVariables } from './formats/files';
import { formatOf, type FileFormat, type FileVariable } from './formats/format';
import { changesOf, renderChanges } from './import-changes';
import { printEdited } from './print-edited';
import { checkSecrecy, secretsAmong, type SecrecyFlags, suspectsAmong } from './secrecy';

export interface ImportFlags extends SecrecyFlags {
  readonly format?: FileFormat;
  /** Removes the variables that the file does not have. */
  readonly replace: boolean;
  readonly dryRun: boolean;
  readonly create: boolean;
  readonly message: string;
}

/** Sets the variables of a file in one environment. */
export async function importVariables(
  context: Context,
  name: string,
  path: string,
  flags: ImportFlags,
): Promise<void> {
  const variables = await readFile(context, path, flags.format);
  checkSecrecy(variables, flags);
  await withServer(context, async (server) => {
    const found = await findEnvironment(server, name, flags.create);
    const stored = found?.spec ?? create(EnvironmentSpecSchema);
    assertNoMarker(path, variables, stored);
    assertNoSuspect(path, variables, stored, flags);
    tellOfSecrets(context, variables, stored, flags);
    if (flags.dryRun) {
      const changes = changesOf(stored, withVariables(stored, variables, flags));
      await print(context, { changes }, () => renderChanges(changes));
    } else {
      const change = (spec: EnvironmentSpec) => {
        // Once more: what was a secret when it was read may be none any more.
        assertNoSuspect(path, variables, spec, flags);
        return withVariables(spec, variables, flags);
      };
      await printEdited(context, await editEnvironment(server, name, change, flags));
    }
  });
}

async function readFile(
  { io }: Context,
  path: string,
  given: FileFormat | undefined,
): Promise<readonly FileVariable[]> {
  const format = formatOf(path, given);
  const content = await (path === '-' ? readStdin(io) : readText(path));
  const file = fileOf(path);
  return given === undefined ? readDetected(format, file, content) : readVariables(format, file, content);
}

function fileOf(path: string): string {
  return path === '-' ? '<stdin>' : path;
}

/** Refuses what looks like a secret and would be stored readable, all of it at once: whoever knows says which it is. */
function assertNoSuspect(
  path: string,
  variables: readonly FileVariable[],
  stored: EnvironmentSpec,
  flags: SecrecyFlags,
): void {
  const problems = suspectsAmong(variables, stored, flags).map(({ variable, reason }) => ({
    ...{ file: fileOf(path), line: variable.line, column: variable.column, field: variable.name },
    message: `looks like a secret (${reason}), and would be stored readable`,
  }));
  if (problems.length === 0) return;
  throw new ManifestError(
    problems,
    '--secrets stores what looks like a secret as one, --secret KEY a single variable; --plain stores the rest readable',
  );
}

/** `********` is what a secret reads as; in a file it keeps the stored one, and without one it would be a value. */
function assertNoMarker(path: string, variables: readonly FileVariable[], { data }: EnvironmentSpec): void {
  const problems = variables
    .filter(({ name, value }) => isRedacted(value) && !(Object.hasOwn(data, name) && data[name]?.isSecret))
    .map(({ name, line, column }) => ({
      ...{ file: fileOf(path), line, column, field: name },
      message: `${REDACTED} stands for a secret, and there is none of this name: give its value`,
    }));
  if (problems.length > 0) throw new ManifestError(problems);
}

function tellOfSecrets(
  context: Context,
  variables: readonly FileVariable[],
  stored: EnvironmentSpec,
  flags: SecrecyFlags,
): void {
  const secrets = secretsAmong(variables, stored, flags);
  for (const [name, reason] of secrets) {
    if (reason !== undefined) note(context, `${name} is stored as a secret: ${reason}`);
  }
  for (const { name, value } of variables) {
    if (secrets.has(name) && value !== '' && isWeakSecret(value)) warnOfWeakSecret(context, name);
  }
}

/** The content that the file asks for. What is said about a variable beside its value stays. */
function withVariables(
  spec: EnvironmentSpec,
  variables: readonly FileVariable[],
  flags: SecrecyFlags & Pick<ImportFlags, 'replace'>,
): EnvironmentSpec {
  const secrets = secretsAmong(variables, spec, flags);
  const given = variables.map(({ name, value }): readonly [string, EnvironmentValue] => {
    const stored = Object.hasOwn(spec.data, name) ? spec.data[name] : undefined;
    const kept = stored ?? create(EnvironmentValueSchema);
    return [name, { ...kept, value, isSecret: secrets.has(name) }];
  });
  return { ...spec, data: { ...(flags.replace ? {} : spec.data), ...Object.fromEntries(given) } };
}
