import { looksLikeCredential } from '@stigmer/domain';
import type { EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';
import { UsageError } from '../usage-error';
import type { FileVariable } from './formats/format';

export interface SecrecyFlags {
  /** Names of variables that are secrets. */
  readonly secret: readonly string[];
  readonly secretsAll: boolean;
  /** Whatever a variable looks like, it is no secret; one that is stored as a secret stays one. */
  readonly plain: boolean;
}

/** The variables of a file that are stored as secrets, each with the reason, for people. */
export function secretsAmong(
  variables: readonly FileVariable[],
  { data }: Pick<EnvironmentSpec, 'data'>,
  flags: SecrecyFlags,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const variable of variables) {
    const stored = Object.hasOwn(data, variable.name) && data[variable.name]?.isSecret === true;
    const reason = stored ? 'it is one already' : reasonOf(variable, flags);
    if (reason !== undefined) found.set(variable.name, reason);
  }
  return found;
}

function reasonOf(
  { name, value, declaredSecret }: FileVariable,
  { secret, secretsAll, plain }: SecrecyFlags,
): string | undefined {
  if (plain) return undefined;
  if (secretsAll) return '--secrets-all';
  if (secret.includes(name)) return '--secret';
  return declaredSecret ? 'it stands in a Secret' : looksLikeCredential(name, value);
}

/** Refuses flags that contradict each other or name what the file does not have. */
export function checkSecrecy(
  variables: readonly FileVariable[],
  { secret, secretsAll, plain }: SecrecyFlags,
): void {
  if (plain && (secretsAll || secret.length > 0)) {
    throw new UsageError(
      '--plain says that nothing is a secret; it cannot stand beside --secret and --secrets-all',
    );
  }
  const stranger = secret.findIndex((name) => !variables.some((variable) => variable.name === name));
  if (stranger >= 0)
    throw new UsageError(`--secret number ${stranger + 1} names a variable that the file does not have`);
}
