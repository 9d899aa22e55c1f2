import { looksLikeCredential } from '@stigmer/domain';
import type { EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';
import { UsageError } from '../usage-error';
import type { FileVariable } from './formats/format';

export interface SecrecyFlags {
  /** Names of variables that are secrets. */
  readonly secret: readonly string[];
  /** What looks like a secret is one. */
  readonly secrets: boolean;
  readonly secretsAll: boolean;
  /** Whatever else a variable looks like, it is no secret; one that is stored as a secret stays one. */
  readonly plain: boolean;
}

/** A variable that would be stored readable, and why it should not be. */
export interface Suspect {
  readonly variable: FileVariable;
  readonly reason: string;
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
    const guess = said || flags.plain ? undefined : guessOf(variable, flags);
    if (said || guess !== undefined) found.set(name, guess);
  }
  return found;
}

/** The variables that look like secrets although nobody said what they are, and that would be stored readable. */
export function suspectsAmong(
  variables: readonly FileVariable[],
  stored: Pick<EnvironmentSpec, 'data'>,
  flags: SecrecyFlags,
): readonly Suspect[] {
  if (flags.plain) return [];
  const secrets = secretsAmong(variables, stored, flags);
  return variables.flatMap((variable) => {
    const { name, value } = variable;
    const reason = secrets.has(name) ? undefined : looksLikeCredential(name, value);
    return reason === undefined ? [] : [{ variable, reason }];
  });
}

function guessOf(
  { name, value, declaredSecret }: FileVariable,
  { secrets }: Pick<SecrecyFlags, 'secrets'>,
): string | undefined {
  if (declaredSecret) return 'it stands in a Secret';
  return secrets ? looksLikeCredential(name, value) : undefined;
}

/** Refuses flags that contradict each other or name what the file does not have. */
export function checkSecrecy(
  variables: readonly FileVariable[],
  { secret, secrets, secretsAll, plain }: SecrecyFlags,
): void {
  if (plain && (secrets || secretsAll)) {
    throw new UsageError(
      '--plain says that nothing is a secret but what --secret names; it cannot stand beside --secrets and --secrets-all',
    );
  }
  const stranger = secret.findIndex((name) => !variables.some((variable) => variable.name === name));
  if (stranger >= 0)
    throw new UsageError(`--secret number ${stranger + 1} names a variable that the file does not have`);
}
