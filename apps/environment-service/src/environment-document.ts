import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CryptoHeader } from '@stigmer/crypto';
import { REDACTED } from '@stigmer/domain';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';

/** One variable as it is stored: a secret's value is ciphertext, a plain one's is its text. */
export interface StoredVariable {
  readonly value: string;
  readonly is_secret: boolean;
  readonly description: string;
  readonly optional: boolean;
  /** No later layer of a run may give this variable another value. */
  readonly final: boolean;
  /** No run gets this value after that moment. */
  readonly expires_at?: Date;
}

/** An environment that another one builds on, as its reference was written. */
export interface StoredImport {
  readonly scope: ApiResourceOwnerScope;
  /** Empty: the organization of the environment that imports. */
  readonly org: string;
  readonly slug: string;
  readonly version: string;
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
  readonly imports: readonly StoredImport[];
  readonly data: ReadonlyMap<string, StoredVariable>;
}

/** One version of an environment. `number` counts those of one environment from 1. */
export interface Version {
  readonly id: string;
  readonly number: number;
  readonly message: string;
  /** The id of the version before; empty in the first one. */
  readonly previous: string;
}

/** The names of the variables that a version touched, in their order. */
export interface Changes {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
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
  /** Over all of the document (`factsOf`), where the header says that it has one. */
  readonly mac?: string;
  /**
   * One life of an id: the id of its first version, or the environment's own in documents of before there were
   * revisions. An id may be used again after a deletion, and must not inherit what was kept of the earlier one.
   */
  readonly lineage: string;
  readonly version: Version;
  /** What the current version changed. */
  readonly changes: Changes;
  /** Names for versions: tag → version id. Moving one makes no version. */
  readonly revision_tags: ReadonlyMap<string, string>;
  readonly created: Stamp;
  readonly updated: Stamp;
  /** Never stored: where an earlier version stands in the place of the current one, what it was made of. */
  readonly earlier?: Earlier;
}

/** A version exactly as it was when it was the current one, and the environment that it is one of as it is now. */
export interface Earlier {
  readonly was: EnvironmentDocument;
  readonly now: EnvironmentDocument;
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
    spec: {
      description: document.description,
      imports: document.imports.map(toReference),
      data: toValues(document, () => REDACTED),
    },
    status: { audit: { specAudit: audit, statusAudit: audit } },
  });
}

/** The variables as the wire has them; `secretText` says what a secret's value reads. */
export function toValues(
  { data }: Pick<EnvironmentContent, 'data'>,
  secretText: (name: string, stored: string) => string,
): Record<string, MessageInitShape<typeof EnvironmentValueSchema>> {
  return Object.fromEntries(
    [...data].map(([name, variable]) => {
      const { value, is_secret } = variable;
      return [name, toValue(variable, is_secret ? secretText(name, value) : value)];
    }),
  );
}

/** A variable as the wire has it, with this text for its value. */
export function toValue(
  { is_secret, description, optional, final, expires_at }: StoredVariable,
  value: string,
): MessageInitShape<typeof EnvironmentValueSchema> {
  const expiresAt = expires_at && timestampFromDate(expires_at);
  return { value, isSecret: is_secret, description, optional, final, ...(expiresAt && { expiresAt }) };
}

/** An import as the wire has it. */
export function toReference(stored: StoredImport) {
  return { ...stored, kind: ApiResourceKind.environment };
}

/** Bytes of all values as they are stored. */
export function storedBytes({ data }: Pick<EnvironmentContent, 'data'>): number {
  return [...data.values()].reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
}

/** What of a document a client writes. */
export function contentOf(document: EnvironmentContent): EnvironmentContent {
  const { name, slug, owner_scope, labels, annotations, tags, description, imports, data } = document;
  return { name, slug, owner_scope, labels, annotations, tags, description, imports, data };
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
