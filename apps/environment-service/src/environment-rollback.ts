import type { KeyRing } from '@stigmer/crypto';
import type { EnvironmentDocument, StoredVariable } from './environment-document';
import { type Author, converted, nextDocument, type Outcome } from './environment-edit';
import { EnvironmentSecrets } from './environment-secrets';
import { revisionContentOf } from './revision-document';

type StoredVariables = ReadonlyMap<string, StoredVariable>;

/** The version that holds what an earlier one held. Name and slug stay: they say which environment it is. */
export function rolledBack(
  ring: KeyRing,
  existing: EnvironmentDocument,
  earlier: EnvironmentDocument,
  message: string,
  author: Author,
): Outcome {
  const { name, slug } = existing;
  const secrets = EnvironmentSecrets.of(ring, existing);
  // One of an earlier system has no version but this one; what is gone back to is found once it has its data key.
  if (secrets.legacy) return { kind: 'rewritten', document: converted(existing, new Map(), secrets) };
  const content = { ...revisionContentOf(earlier), name, slug };
  const data = keepSame(earlier.data, existing.data, secrets);
  const why = message === '' ? `rollback to version ${earlier.version.number}` : message;
  return nextDocument(existing, { ...content, data }, why, secrets, author);
}

/**
 * An earlier version's variables, as the version after the current one would have them: a secret that holds what it
 * held keeps the ciphertext of now, however often it was changed between, so that only true changes count as such.
 */
function keepSame(
  earlier: StoredVariables,
  stored: StoredVariables,
  secrets: EnvironmentSecrets,
): StoredVariables {
  return new Map(
    [...earlier].map(([name, variable]) => {
      const now = stored.get(name);
      const same =
        variable.is_secret && now?.is_secret === true && secrets.same(name, variable.value, now.value);
      return [name, same ? { ...variable, value: now.value } : variable];
    }),
  );
}
