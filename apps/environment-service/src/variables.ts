import { create } from '@bufbuild/protobuf';
import {
  checkVariables,
  DomainError,
  invalidArguments,
  isRedacted,
  quoteName,
  REDACTED,
  type Violation,
} from '@stigmer/domain';
import { type EnvironmentValue, EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { type EnvironmentContent, type StoredVariable, toValues } from './environment-document';
import type { EnvironmentSecrets } from './environment-secrets';

export type WantedVariables = ReadonlyMap<string, EnvironmentValue>;
type StoredVariables = ReadonlyMap<string, StoredVariable>;

const FIELD = 'spec.data';

/** The variables of a request, as a map. */
export function readVariables(values: Readonly<Record<string, EnvironmentValue>>): WantedVariables {
  const wanted = new Map(Object.entries(values));
  // A wire map is decoded into a plain object, where a key `__proto__` vanishes into the prototype. Put back, it is
  // an illegal name, which `checkWanted` reports with whatever else is wrong.
  if (Object.getPrototypeOf(values) !== Object.prototype) {
    wanted.set('__proto__', create(EnvironmentValueSchema));
  }
  return wanted;
}

/**
 * Refuses what may not be stored, before anything is sealed: an illegal name, a value or a number of variables
 * beyond the limits, and every misuse of the redacted marker. All of it in one answer.
 */
export function checkWanted(wanted: WantedVariables, stored: StoredVariables): void {
  const misuses = [...wanted].flatMap(([name, value]) => misuseOfMarker(name, value, stored.get(name)));
  try {
    checkVariables(pairs(wanted), 'environment', FIELD);
  } catch (error) {
    if (misuses.length === 0 || !(error instanceof DomainError)) throw error;
    throw invalidArguments([...misuses, ...error.violations]);
  }
  if (misuses.length > 0) throw invalidArguments(misuses);
}

/**
 * Turns wanted variables into stored ones. An unchanged secret keeps its ciphertext, so a write that changes
 * nothing changes no byte, and so does one that comes back as it was read: redacted.
 */
export function sealVariables(
  wanted: WantedVariables,
  stored: StoredVariables,
  secrets: EnvironmentSecrets,
): ReadonlyMap<string, StoredVariable> {
  return new Map(
    [...wanted].map(([name, { value, isSecret, description, optional }]) => [
      name,
      {
        value: isSecret ? sealSecret(name, value, stored.get(name), secrets) : value,
        is_secret: isSecret,
        description,
        optional,
      },
    ]),
  );
}

function sealSecret(
  name: string,
  text: string,
  stored: StoredVariable | undefined,
  secrets: EnvironmentSecrets,
): string {
  if (stored?.is_secret === true && (isRedacted(text) || secrets.holds(name, stored.value, text))) {
    return stored.value;
  }
  return secrets.seal(name, text);
}

/** `********` stands for a stored secret. Anywhere else it would destroy one, or pass for one that does not exist. */
function misuseOfMarker(
  name: string,
  { value, isSecret }: EnvironmentValue,
  stored: StoredVariable | undefined,
): readonly Violation[] {
  if (!isRedacted(value)) return [];
  const field = `${FIELD}[${quoteName(name)}]`;
  if (!isSecret) {
    return [
      {
        field,
        description: `${REDACTED} stands for a stored secret and cannot be given with is_secret: false`,
      },
    ];
  }
  if (stored?.is_secret === true) return [];
  return [
    {
      field,
      description: `${REDACTED} keeps a stored secret, and there is none of this name: give its value`,
    },
  ];
}

function pairs(wanted: WantedVariables): Iterable<readonly [string, string]> {
  return [...wanted].map(([name, { value }]) => [name, value] as const);
}

/** Stored variables with what did not change brought to the current form: older forms are read and never written. */
export function renewKept(
  next: StoredVariables,
  stored: StoredVariables,
  secrets: EnvironmentSecrets,
): StoredVariables {
  if (secrets.current) return next;
  return new Map(
    [...next].map(([name, variable]) => {
      const kept = variable.is_secret && stored.get(name)?.value === variable.value;
      const value = kept ? secrets.keep(name, variable.value) : variable.value;
      return [name, { ...variable, value }];
    }),
  );
}

/** An environment's variables as a client reads them and may write them back: secrets redacted. */
export function redactedVariables({ data }: Pick<EnvironmentContent, 'data'>): WantedVariables {
  const values = toValues({ data }, () => REDACTED);
  return new Map(Object.entries(values).map(([name, init]) => [name, create(EnvironmentValueSchema, init)]));
}
