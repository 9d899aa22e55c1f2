import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
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
  const misuses = [...wanted].flatMap(([name, value]) => [
    ...misuseOfMarker(name, value, stored.get(name)),
    ...badExpiry(name, value),
  ]);
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
    [...wanted].map(([name, { value, isSecret, description, optional, final, expiresAt }]) => [
      name,
      {
        value: isSecret ? sealSecret(name, value, stored.get(name), secrets) : value,
        is_secret: isSecret,
        description,
        optional,
        final,
        ...(expiresAt && { expires_at: timestampDate(expiresAt) }),
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

/** What the contract calls a valid timestamp: from the year 1 to the end of the year 9999. */
function badExpiry(name: string, { expiresAt }: EnvironmentValue): readonly Violation[] {
  if (expiresAt === undefined || isTime(expiresAt)) return [];
  const field = `${FIELD}[${quoteName(name)}].expires_at`;
  return [{ field, description: 'is not a time between the years 1 and 9999' }];
}

function isTime({ seconds, nanos }: Timestamp): boolean {
  return seconds >= -62_135_596_800n && seconds <= 253_402_300_799n && nanos >= 0 && nanos <= 999_999_999;
}

function pairs(wanted: WantedVariables): Iterable<readonly [string, string]> {
  return [...wanted].map(([name, { value }]) => [name, value] as const);
}

/**
 * The stored variables of an earlier system in the current form. A secret that nobody can open any more is in the way
 * of every write but the one that gives it anew: there it stays as it is, and stays unreadable.
 */
export function renewVariables(
  stored: StoredVariables,
  wanted: WantedVariables,
  secrets: EnvironmentSecrets,
): StoredVariables {
  return new Map(
    [...stored].map(([name, variable]) => {
      if (!variable.is_secret) return [name, variable];
      const given = wanted.get(name);
      const replaced = given !== undefined && !isRedacted(given.value);
      const lost = replaced && !secrets.opens(name, variable.value);
      return [name, lost ? variable : { ...variable, value: secrets.keep(name, variable.value) }];
    }),
  );
}

/** An environment's variables as a client reads them and may write them back: secrets redacted. */
export function redactedVariables({ data }: Pick<EnvironmentContent, 'data'>): WantedVariables {
  const values = toValues({ data }, () => REDACTED);
  return new Map(Object.entries(values).map(([name, init]) => [name, create(EnvironmentValueSchema, init)]));
}
