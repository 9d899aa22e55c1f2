import { isDeepStrictEqual } from 'node:util';
import type { KeyRing } from '@stigmer/crypto';
import { invalidArguments, KINDS, slugify } from '@stigmer/domain';
import type { ApiResourceMetadata } from '@stigmer/proto/commons/apiresource/metadata';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { newId } from '@stigmer/service';
import {
  contentOf,
  type EnvironmentContent,
  type EnvironmentDocument,
  storedBytes,
  type StoredVariable,
} from './environment-document';
import { changesBetween } from './environment-changes';
import { faultsOfImports, readImports } from './environment-imports';
import { EnvironmentSecrets } from './environment-secrets';
import { checkWanted, readVariables, renewVariables, sealVariables, type WantedVariables } from './variables';

/** What a write wants an environment to become; the variables are plain, or redacted where they stay as they are. */
export interface Edit {
  readonly facts: Omit<EnvironmentContent, 'data'>;
  readonly wanted: WantedVariables;
  readonly message: string;
}

/** Who writes, and when. */
export interface Author {
  readonly by: string;
  readonly at: Date;
}

/**
 * What an edit makes of a stored environment. `rewritten`: only its encryption was brought up to date, and with it goes
 * what brings its earlier versions to the same form.
 */
export type Outcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly document: EnvironmentDocument }
  | {
      readonly kind: 'rewritten';
      readonly document: EnvironmentDocument;
      readonly secrets: EnvironmentSecrets;
    };

// Well under MongoDB's 16 MB a document and gRPC's 10 MiB a message; docs/merge.md names it.
const MAX_STORED_BYTES = 8 * 1024 * 1024;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const MAX_SLUG = 128;
const MAX_MESSAGE = 1_024;
const OWN_PREFIX = KINDS.Environment.idPrefix;
const VERSION_PREFIX = 'ver';
const NO_VARIABLES: ReadonlyMap<string, StoredVariable> = new Map();

/** Reads a resource as an edit; what it leaves out of its names is kept from the stored environment. */
export function editOf(resource: Environment, existing?: EnvironmentDocument): Edit {
  const { metadata, spec } = resource;
  if (metadata === undefined) throw badField('metadata', 'value is required');
  const faults = faultsOfImports(spec?.imports ?? []);
  if (faults.length > 0) throw invalidArguments(faults);
  return {
    facts: {
      ...namesOf(metadata, existing),
      owner_scope: metadata.ownerScope,
      labels: new Map(Object.entries(metadata.labels)),
      annotations: new Map(Object.entries(metadata.annotations)),
      tags: [...metadata.tags],
      description: spec?.description ?? '',
      imports: readImports(spec?.imports ?? []),
    },
    wanted: readVariables(spec?.data ?? {}),
    message: checkMessage(metadata.version?.message ?? '', 'metadata.version.message'),
  };
}

/** Why a version was made, in its writer's words, as the history keeps it. */
export function checkMessage(message: string, field: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  throw badField(field, `at most ${MAX_MESSAGE} characters`);
}

/** The slug that a resource is looked up by when it has no id. */
export function slugOf({ slug, name }: Pick<ApiResourceMetadata, 'slug' | 'name'>): string {
  return slug === '' ? slugify(name) : slug;
}

/** A new environment, sealed. */
export function createDocument(ring: KeyRing, { id, org }: ApiResourceMetadata, edit: Edit, author: Author) {
  if (id !== '') checkId(id);
  const place = { _id: id === '' ? newId(OWN_PREFIX) : id, org, slug: edit.facts.slug };
  const secrets = EnvironmentSecrets.create(ring, place);
  checkWanted(edit.wanted, NO_VARIABLES);
  const version = { id: newId(VERSION_PREFIX), number: 1, message: edit.message, previous: '' };
  const data = sealVariables(edit.wanted, NO_VARIABLES, secrets);
  return sealedDocument(secrets, {
    ...place,
    ...edit.facts,
    data,
    lineage: version.id,
    version,
    changes: changesBetween(NO_VARIABLES, data),
    revision_tags: new Map(),
    created: author,
    updated: author,
  });
}

/**
 * What an edit makes of a stored environment. The version changes only with what a client can see. A document in an
 * older form is only brought to the current one, and the edit is made from the outcome: its versions share one data
 * key, which one of an earlier system has none of yet, and a header that says whether they have MACs.
 */
export function editDocument(
  ring: KeyRing,
  existing: EnvironmentDocument,
  edit: Edit,
  author: Author,
): Outcome {
  checkWanted(edit.wanted, existing.data);
  const secrets = EnvironmentSecrets.of(ring, existing);
  if (!secrets.macs) return converted(existing, edit.wanted, secrets);
  // Whoever writes back what was read must find it unchanged, so secrets are compared by their plaintext.
  const content = { ...edit.facts, data: sealVariables(edit.wanted, existing.data, secrets) };
  return nextDocument(existing, content, edit.message, secrets, author);
}

/** The version that follows: this content, if it is another one. */
export function nextDocument(
  existing: EnvironmentDocument,
  content: EnvironmentContent,
  message: string,
  secrets: EnvironmentSecrets,
  author: Author,
): Outcome {
  if (!isDeepStrictEqual(content, contentOf(existing))) {
    return followedBy(existing, content, message, secrets, author);
  }
  if (secrets.current) return { kind: 'unchanged' };
  return { kind: 'rewritten', document: secrets.sealed(existing), secrets };
}

/** The version that follows, whatever it holds. */
export function followedBy(
  existing: EnvironmentDocument,
  content: EnvironmentContent,
  message: string,
  secrets: EnvironmentSecrets,
  author: Author,
): Outcome {
  const { id: previous, number } = existing.version;
  const document = sealedDocument(secrets, {
    ...existing,
    ...content,
    version: { id: newId(VERSION_PREFIX), number: number + 1, message, previous },
    changes: changesBetween(existing.data, content.data),
    updated: author,
  });
  return { kind: 'changed', document };
}

/** A document in an older form in the current one: its header, its values and its MAC at once, or it would not open. */
export function converted(
  existing: EnvironmentDocument,
  wanted: WantedVariables,
  secrets: EnvironmentSecrets,
): Outcome {
  const data = renewVariables(existing.data, wanted, secrets);
  return { kind: 'rewritten', document: sealedDocument(secrets, { ...existing, data }), secrets };
}

function sealedDocument(secrets: EnvironmentSecrets, document: EnvironmentDocument): EnvironmentDocument {
  assertSize(document);
  return secrets.sealed(document);
}

/** An id of one's own may look like anything but another kind's: people and references tell kinds by the prefix. */
function checkId(id: string): void {
  if (!ID.test(id)) throw badField('metadata.id', 'must be letters, digits, ".", "_" or "-", at most 128');
  const foreign = Object.entries(KINDS).find(
    ([, { idPrefix }]) => idPrefix !== OWN_PREFIX && id.startsWith(`${idPrefix}-`),
  );
  if (foreign === undefined) return;
  const [kind, { idPrefix }] = foreign;
  throw badField(
    'metadata.id',
    `${idPrefix}- begins the id of a resource of kind ${kind}: begin with ${OWN_PREFIX}-, or leave it empty`,
  );
}

function namesOf(metadata: ApiResourceMetadata, existing?: EnvironmentDocument) {
  const slug = metadata.slug === '' && existing !== undefined ? existing.slug : slugOf(metadata);
  if (slug === '') throw badField('metadata.name', 'a name with a letter or a digit is required');
  if (slug !== slugify(slug) || slug.length > MAX_SLUG) {
    throw badField('metadata.slug', `must be [a-z0-9-], at most ${MAX_SLUG} characters`);
  }
  return { slug, name: metadata.name === '' ? (existing?.name ?? slug) : metadata.name };
}

function assertSize(document: EnvironmentDocument): void {
  if (storedBytes(document) <= MAX_STORED_BYTES) return;
  throw badField('spec.data', `at most ${MAX_STORED_BYTES} bytes of stored values in one environment`);
}

function badField(field: string, description: string) {
  return invalidArguments([{ field, description }]);
}
