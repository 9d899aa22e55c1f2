import { isDeepStrictEqual } from 'node:util';
import type { Changes, StoredVariable } from './environment-document';

type Variables = ReadonlyMap<string, StoredVariable>;

/** Which variables differ between two versions, in the order of their names. A flag and an expiry count as the value does. */
export function changesBetween(before: Variables, after: Variables): Changes {
  const names = (of: Variables, wanted: (name: string, variable: StoredVariable) => boolean) =>
    [...of]
      .filter(([name, variable]) => wanted(name, variable))
      .map(([name]) => name)
      .sort();
  return {
    added: names(after, (name) => !before.has(name)),
    changed: names(after, (name, variable) => {
      const earlier = before.get(name);
      return earlier !== undefined && !isDeepStrictEqual(earlier, variable);
    }),
    removed: names(before, (name) => !after.has(name)),
  };
}
