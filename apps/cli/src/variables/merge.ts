import { isWeakSecret, looksLikeCredential } from '@stigmer/domain';

/** A variable as one flag or one line of a file gives it. */
export interface Given {
  readonly name: string;
  readonly value: string;
  readonly secret: boolean;
  /** `--env`, or the name of the file; for messages. */
  readonly origin: string;
}

export interface Variable {
  readonly value: string;
  readonly secret: boolean;
}

export interface MergedVariables {
  readonly variables: ReadonlyMap<string, Variable>;
  /** Plain variables that are sent as secrets because they look like one. */
  readonly promoted: readonly { readonly name: string; readonly origin: string; readonly reason: string }[];
  /** Secrets too short or too common to be masked wherever they appear. */
  readonly weak: readonly string[];
}

/**
 * Merges what the command line gives, weakest first: a later value replaces an earlier one, and a variable that was
 * secret once stays secret, as in every other layer of the system.
 */
export function mergeGiven(given: readonly Given[], plain: ReadonlySet<string>): MergedVariables {
  const variables = new Map<string, Variable>();
  const promoted = new Map<string, MergedVariables['promoted'][number]>();
  for (const { name, value, secret, origin } of given) {
    const reason = secret || plain.has(name) ? undefined : looksLikeCredential(name, value);
    if (reason !== undefined) promoted.set(name, { name, origin, reason });
    const before = variables.get(name);
    variables.set(name, { value, secret: secret || reason !== undefined || before?.secret === true });
  }
  const weak = [...variables]
    .filter(([, { value, secret }]) => secret && isWeakSecret(value))
    .map(([name]) => name);
  return { variables, promoted: [...promoted.values()], weak };
}
