import { isRedacted } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import type { WantedVariables } from './variables';

type Names = readonly string[];

/** The secrets that a write gives a value, which is compared with the stored one. */
export function secretsGiven(wanted: WantedVariables): Names {
  return [...wanted]
    .filter(([, { value, isSecret }]) => isSecret && !isRedacted(value))
    .map(([name]) => name)
    .sort();
}

/** The secrets of an earlier version that were written anew since: going back compares them with those of now. */
export function secretsSince(earlier: EnvironmentDocument, existing: EnvironmentDocument): Names {
  return [...earlier.data]
    .filter(([name, { value, is_secret }]) => is_secret && existing.data.get(name)?.value !== value)
    .map(([name]) => name)
    .sort();
}

/**
 * Those of them that had the value already. It changes nothing, so a write can be repeated; and it tells its writer, by
 * the version and the names in the history, that a guess was right.
 */
export function matchedSecrets(
  compared: Names,
  existing: EnvironmentDocument,
  written: EnvironmentDocument,
): Names {
  return compared.filter((name) => {
    const [before, after] = [existing.data.get(name), written.data.get(name)];
    return before?.is_secret === true && after?.is_secret === true && before.value === after.value;
  });
}
