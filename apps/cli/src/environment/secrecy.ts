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

/** The variables of a file that are stored as secrets; with the reason where nobody said so. */
export function secretsAmong(
  variables: readonly FileVariable[],
  { data }: Pick<EnvironmentSpec, 'data'>,
  flags: SecrecyFlags,
): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const variable of variables) {
    const { name } = variable;
    const stored = Object.hasOwn(data, name) && data[name]?.isSecret === true;
    const said = stored || flags.secretsAll || flags.secret.includes(name);
    const guess = said || flags.plain ? undefined : guessOf(variable);
    if (said || guess !== undefined) found.set(name, guess);
  }
  return found;
}

function guessOf({ name, value, declaredSecret }: FileVariable): string | undefined {
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
