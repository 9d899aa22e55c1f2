import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CryptoHeader } from '@stigmer/crypto';
import { REDACTED } from '@stigmer/domain';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';

/** One variable as it is stored: a secret's value is ciphertext, a plain one's is its text. */
export interface StoredVariable {
  readonly value: string;
  readonly is_secret: boolean;
  readonly description: string;
  readonly optional: boolean;
}

/** What a client writes of an environment; a write that changes none of it changes nothing. */
export interface EnvironmentContent {
  readonly name: string;
  readonly slug: string;
  readonly owner_scope: ApiResourceOwnerScope;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly tags: readonly string[];
  readonly description: string;
  readonly data: ReadonlyMap<string, StoredVariable>;
}

/**
 * An environment as it lies in the database. Maps, not objects, wherever a client chooses the keys: BSON and
 * JavaScript both give special meaning to some names (`_bsontype`, `__proto__`).
 */
export interface EnvironmentDocument extends EnvironmentContent {
  readonly _id: string;
  readonly org: string;
  /** Absent only in documents of earlier systems, whose values are in older forms. */
  readonly crypto?: CryptoHeader;
  readonly version: { readonly id: string; readonly message: string; readonly previous: string };
  readonly created: Stamp;
  readonly updated: Stamp;
}

/** Who, and when. */
export interface Stamp {
  readonly by: string;
  readonly at: Date;
}

/** The environment as anyone may read it: the value of a secret reads `********`, and nothing is decrypted. */
export function toResource(document: EnvironmentDocument): Environment {
  const { name, slug, org, _id: id, owner_scope, labels, annotations, tags, version } = document;
  const audit = toAudit(document);
  return create(EnvironmentSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: {
      ...{ name, slug, id, org, ownerScope: owner_scope, tags: [...tags] },
      labels: Object.fromEntries(labels),
      annotations: Object.fromEntries(annotations),
      version: { id: version.id, message: version.message, previousVersionId: version.previous },
    },
    spec: { description: document.description, data: toValues(document, () => REDACTED) },
    status: { audit: { specAudit: audit, statusAudit: audit } },
  });
}

/** The variables as the wire has them; `secretText` says what a secret's value reads. */
export function toValues(
  { data }: Pick<EnvironmentContent, 'data'>,
  secretText: (name: string, stored: string) => string,
): Record<string, MessageInitShape<typeof EnvironmentValueSchema>> {
  return Object.fromEntries(
    [...data].map(([name, { value, is_secret, description, optional }]) => [
      name,
      { value: is_secret ? secretText(name, value) : value, isSecret: is_secret, description, optional },
    ]),
  );
}

/** Bytes of all values as they are stored. */
export function storedBytes({ data }: Pick<EnvironmentContent, 'data'>): number {
  return [...data.values()].reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
}

/** What of a document a client writes. */
export function contentOf(document: EnvironmentDocument): EnvironmentContent {
  const { name, slug, owner_scope, labels, annotations, tags, description, data } = document;
  return { name, slug, owner_scope, labels, annotations, tags, description, data };
}

function toAudit({ created, updated, version }: EnvironmentDocument) {
  return {
    createdBy: { id: created.by },
    createdAt: timestampFromDate(created.at),
    updatedBy: { id: updated.by },
    updatedAt: timestampFromDate(updated.at),
    event: version.previous === '' ? 'created' : 'updated',
  };
}
