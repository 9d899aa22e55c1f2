import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KeyRingHolder } from '@stigmer/crypto';
import { invalidArguments, REDACTED } from '@stigmer/domain';
import {
  EnvironmentDifference,
  type EnvironmentDiffSchema,
  type EnvironmentDiffSideSchema,
  type EnvironmentVariableDifferenceSchema,
} from '@stigmer/proto/agentic/environment/v1/io';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { Caller, Logger } from '@stigmer/service';
import { type EnvironmentDocument, type StoredVariable, toReference, toValue } from './environment-document';
import { EnvironmentSecrets } from './environment-secrets';

type Difference = MessageInitShape<typeof EnvironmentVariableDifferenceSchema>;

/** How two ciphertexts of different places relate; `name` is that of both. */
type CompareSecrets = (name: string, left: string, right: string) => EnvironmentDifference;

/**
 * Compares two environments, or two versions of one. Whether two secrets are the same is told to the owner alone:
 * everybody else who may read may write as well, and could find a secret out by writing guesses beside it.
 */
export class EnvironmentDiffs {
  private readonly audit: Logger;

  constructor(
    readonly find: (reference: ApiResourceReference) => Promise<EnvironmentDocument>,
    private readonly keys: KeyRingHolder,
    log: Logger,
  ) {
    // Who had secrets compared is written down whatever the level of the log.
    this.audit = log.child({}, { level: 'info' });
  }

  async diff(
    left: ApiResourceReference | undefined,
    right: ApiResourceReference | undefined,
    { owner, actor }: Caller,
  ): Promise<MessageInitShape<typeof EnvironmentDiffSchema>> {
    const sides = [required(left, 'left'), required(right, 'right')] as const;
    const [one, other] = await Promise.all([this.find(sides[0]), this.find(sides[1])]);
    const compare = owner ? comparison(this.keys, one, other) : () => EnvironmentDifference.NOT_COMPARED;
    const variables = differences(one, other, compare);
    if (owner) {
      this.audit.info(
        { audit: 'secrets.compared', actor, left: at(one), right: at(other) },
        'secrets compared',
      );
    }
    return { left: toSide(one), right: toSide(other), variables };
  }
}

/** What differs, in the order of the names. Secrets of one environment with one ciphertext are the same to everybody. */
export function differences(
  left: EnvironmentDocument,
  right: EnvironmentDocument,
  compare: CompareSecrets,
): Difference[] {
  const sameKey = left.lineage === right.lineage;
  const names = [...new Set([...left.data.keys(), ...right.data.keys()])].sort();
  return names.map((name) => {
    const [one, other] = [left.data.get(name), right.data.get(name)];
    return {
      name,
      difference: differenceOf(one, other, (a, b) =>
        sameKey && a === b ? EnvironmentDifference.SAME : compare(name, a, b),
      ),
      ...(one && { left: redacted(one) }),
      ...(other && { right: redacted(other) }),
    };
  });
}

function differenceOf(
  left: StoredVariable | undefined,
  right: StoredVariable | undefined,
  compare: (left: string, right: string) => EnvironmentDifference,
): EnvironmentDifference {
  if (left === undefined) return EnvironmentDifference.ONLY_RIGHT;
  if (right === undefined) return EnvironmentDifference.ONLY_LEFT;
  if (!isDeepStrictEqual(factsOf(left), factsOf(right))) return EnvironmentDifference.CHANGED;
  if (left.is_secret) return compare(left.value, right.value);
  return left.value === right.value ? EnvironmentDifference.SAME : EnvironmentDifference.CHANGED;
}

function factsOf({ is_secret, description, optional, final, expires_at }: StoredVariable) {
  return { is_secret, description, optional, final, expires_at };
}

/** By a keyed hash under a key of this one request, so that what is compared tells nothing about the secrets. */
function comparison(
  keys: KeyRingHolder,
  left: EnvironmentDocument,
  right: EnvironmentDocument,
): CompareSecrets {
  const key = randomBytes(32);
  const ring = keys.current;
  const opened = [left, right].map(
    (document) => hasSecrets(document) && EnvironmentSecrets.of(ring, document),
  );
  const digest = (side: 0 | 1, name: string, stored: string) => {
    const secrets = opened[side];
    if (!secrets) throw new Error('a side without secrets has one to compare');
    return createHmac('sha256', key).update(secrets.open(name, stored)).digest();
  };
  return (name, one, other) =>
    timingSafeEqual(digest(0, name, one), digest(1, name, other))
      ? EnvironmentDifference.SAME
      : EnvironmentDifference.CHANGED;
}

function hasSecrets({ data }: EnvironmentDocument): boolean {
  return [...data.values()].some(({ is_secret }) => is_secret);
}

function redacted(variable: StoredVariable) {
  return toValue(variable, variable.is_secret ? REDACTED : variable.value);
}

function toSide({
  _id: id,
  slug,
  version,
  imports,
}: EnvironmentDocument): MessageInitShape<typeof EnvironmentDiffSideSchema> {
  return { id, slug, revision: version.id, number: version.number, imports: imports.map(toReference) };
}

function at({ _id, version }: EnvironmentDocument): string {
  return `${_id}@${version.id}`;
}

function required(reference: ApiResourceReference | undefined, field: string): ApiResourceReference {
  if (reference !== undefined) return reference;
  throw invalidArguments([{ field, description: 'value is required' }]);
}
