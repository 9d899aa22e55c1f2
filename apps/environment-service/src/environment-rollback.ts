import type { KeyRing } from '@stigmer/crypto';
import { contentOf, type EnvironmentDocument, type StoredVariable } from './environment-document';
import { type Author, converted, followedBy, nextDocument, type Outcome } from './environment-edit';
import { EnvironmentSecrets } from './environment-secrets';
import { namedOf, revisionContentOf } from './revision-document';

type StoredVariables = ReadonlyMap<string, StoredVariable>;

/**
 * The version that holds what an earlier one held. Name and slug stay: they say which environment it is. It is also the
 * way out where the current version was changed past the service; then nothing of that one is to be trusted, and name
 * and slug are those of the earlier version too.
 */
export function rolledBack(
  ring: KeyRing,
  existing: EnvironmentDocument,
  earlier: EnvironmentDocument,
  message: string,
  author: Author,
): Outcome {
  const secrets = EnvironmentSecrets.unchecked(ring, existing);
  // In an older form it has no MAC, and one of an earlier system no other version. What is gone back to is found after.
  if (!secrets.macs) return converted(existing, new Map(), secrets);
  const was = earlier.earlier?.was ?? earlier;
  secrets.assertIntact(was);
  const why = message === '' ? `rollback to version ${earlier.version.number}` : message;
  if (!secrets.isIntact(existing)) {
    return followedBy({ ...existing, ...namedOf(was) }, contentOf(was), why, secrets, author);
  }
  const { name, slug } = existing;
  const content = { ...revisionContentOf(earlier), name, slug };
  const data = keepSame(earlier.data, existing.data, secrets);
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
