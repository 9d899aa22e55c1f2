import type { OnApplicationShutdown } from '@nestjs/common';
import type { KeyRingHolder } from '@stigmer/crypto';
import { DomainError, failedPrecondition, notFound, permissionDenied } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { EnvironmentUser, EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import type { Caller, Logger } from '@stigmer/service';
import { contentOf, type EnvironmentDocument, type StoredVariable } from './environment-document';
import {
  type Author,
  checkMessage,
  createDocument,
  type Edit,
  editDocument,
  editOf,
  slugOf,
} from './environment-edit';
import type { Deletions } from './deletions';
import { EnvironmentSecrets } from './environment-secrets';
import type { EnvironmentReader } from './environment-reader';
import type { EnvironmentWriter } from './environment-writer';
import type { EnvironmentStore } from './environments.store';
import { type Importer, importersOf } from './importers';
import { secretsGiven } from './matched-secrets';
import { readPaging, tokenAfter } from './paging';
import { assertEnvironmentKind, describeReference } from './references';
import { readVariables, redactedVariables, type WantedVariables } from './variables';
import type { References, Versions } from './versions';

export interface EnvironmentsOptions {
  readonly store: EnvironmentStore;
  readonly reader: Pick<EnvironmentReader, 'stored'>;
  readonly writer: EnvironmentWriter;
  readonly deletions: Deletions;
  readonly references: References;
  readonly versions: Versions;
  readonly keys: KeyRingHolder;
  readonly users: Pick<GrpcClient<typeof EnvironmentUsers>, 'list' | 'close'>;
  readonly log: Logger;
}

export interface Page {
  readonly items: readonly EnvironmentDocument[];
  readonly total: number;
  readonly nextToken: string;
}

const NAMED_USERS = 20;

/** Environments: who may write what, versions, and what may be read. Documents in and out are sealed. */
export class Environments implements OnApplicationShutdown {
  private readonly audit: Logger;

  constructor(private readonly options: EnvironmentsOptions) {
    // Who was given a secret is written down whatever the level of the log.
    this.audit = options.log.child({}, { level: 'info' });
  }

  /** Creates the environment or makes the stored one like it. Of two who create at once, one updates. */
  async apply(resource: Environment, caller: Caller): Promise<EnvironmentDocument> {
    const found = await this.findWritten(resource);
    if (found !== undefined) return this.update(resource, caller, found);
    try {
      return await this.create(resource, caller);
    } catch (error) {
      const lostRace = error instanceof DomainError && error.kind === 'already-exists';
      if (!lostRace || (await this.findWritten(resource)) === undefined) throw error;
      return this.update(resource, caller);
    }
  }

  async create(resource: Environment, caller: Caller): Promise<EnvironmentDocument> {
    const { keys, writer } = this.options;
    const document = createDocument(keys.current, metadataOf(resource), editOf(resource), authorOf(caller));
    await writer.create(document, caller);
    return document;
  }

  /** `found` is what was just read, so that nothing is read twice unless another write comes first. */
  async update(
    resource: Environment,
    caller: Caller,
    found?: EnvironmentDocument,
  ): Promise<EnvironmentDocument> {
    const metadata = metadataOf(resource);
    let known = found;
    const find = async () => {
      const existing = known ?? (await this.findWritten(resource));
      known = undefined;
      return existing ?? absent(metadata.id || slugOf(metadata));
    };
    return this.change(find, (existing) => editOf(resource, existing), caller, {
      expected: metadata.version?.id,
      given: readVariables(resource.spec?.data ?? {}),
    });
  }

  /** Sets these variables and leaves the others as they are. */
  async updateVariables(
    id: string,
    variables: Readonly<Record<string, EnvironmentValue>>,
    caller: Caller,
  ): Promise<EnvironmentDocument> {
    const given = readVariables(variables);
    return this.change(
      () => this.get(id),
      (existing) => withVariables(existing, given, []),
      caller,
      { given },
    );
  }

  /** Removes these variables; NOT_FOUND names those that are not there. */
  async removeVariables(id: string, keys: readonly string[], caller: Caller): Promise<EnvironmentDocument> {
    return this.change(
      () => this.get(id),
      (existing) => {
        assertHas(existing, keys);
        return withVariables(existing, new Map(), keys);
      },
      caller,
    );
  }

  /** Deletes an environment that nobody uses; with `force`, also one that is used. All of its versions go with it. */
  async delete(id: string, force: boolean, why: string, caller: Caller): Promise<EnvironmentDocument> {
    const { deletions, log } = this.options;
    const message = checkMessage(why, 'version_message');
    const found = await this.get(id);
    if (!force) await this.assertUnused(found);
    const removed = (await deletions.delete(found)) ?? absent(id);
    const { org, version } = removed;
    log.info(
      { environment: id, org, version: version.id, actor: caller.actor, force, message },
      'environment deleted',
    );
    return removed;
  }

  /** The environments that import this one directly. */
  async importers(id: string): Promise<readonly Importer[]> {
    return importersOf(this.options.store, await this.get(id));
  }

  async get(id: string): Promise<EnvironmentDocument> {
    return (await this.options.reader.stored(id)) ?? absent(id);
  }

  async getByReference(reference: ApiResourceReference): Promise<EnvironmentDocument> {
    assertEnvironmentKind(reference);
    const { store, references, versions } = this.options;
    const { org, slug, version } = reference;
    // Without an organization to look in, only an id says which environment is meant.
    const byId = org === '' ? await store.findById(slug) : undefined;
    const found =
      byId === undefined
        ? (await references.findAll(org, [reference]))[0]
        : await versions.find(byId, version);
    return found ?? absent(describeReference(reference));
  }

  async list(org: string, pageSize: number, pageToken: string): Promise<Page> {
    const { size, after } = readPaging(pageSize, pageToken);
    const { items, more, total } = await this.options.store.page(org, size, after);
    const last = more ? items.at(-1)?._id : undefined;
    return { items, total, nextToken: last === undefined ? '' : tokenAfter(last) };
  }

  /** One variable with its plaintext, for the owner alone, and audited: the only read that reveals a secret. */
  async reveal(id: string, key: string, caller: Caller): Promise<StoredVariable> {
    if (!caller.owner) {
      this.audit.warn(
        { audit: 'secret.refused', actor: caller.actor, environment: id, key },
        'secret not revealed',
      );
      throw permissionDenied(
        'a secret is revealed to the owner of this installation alone (the local token)',
      );
    }
    const document = await this.get(id);
    const variable = document.data.get(key);
    if (variable === undefined) throw notFound('Variable', `${key} in ${document.slug}`);
    const secrets = EnvironmentSecrets.of(this.options.keys.current, document);
    const value = variable.is_secret ? secrets.open(key, variable.value) : variable.value;
    this.audit.info(
      { audit: 'secret.revealed', actor: caller.actor, environment: id, key },
      'secret revealed',
    );
    return { ...variable, value };
  }

  /** Not before: what is being pruned still has to ask who pins what. */
  onApplicationShutdown(): void {
    this.options.users.close();
  }

  private async findWritten(resource: Environment): Promise<EnvironmentDocument | undefined> {
    const metadata = metadataOf(resource);
    const { store, reader } = this.options;
    if (metadata.id === '') return store.findBySlug(metadata.org, slugOf(metadata));
    const found = await reader.stored(metadata.id);
    // Another organization's does not exist for this one: not found, and not taken over.
    return found?.org === metadata.org ? found : undefined;
  }

  private async change(
    find: () => Promise<EnvironmentDocument>,
    edit: (existing: EnvironmentDocument) => Edit,
    caller: Caller,
    { expected, given }: { readonly expected?: string; readonly given?: WantedVariables } = {},
  ): Promise<EnvironmentDocument> {
    const { keys, writer } = this.options;
    const make = (existing: EnvironmentDocument, author: Author) =>
      editDocument(keys.current, existing, edit(existing), author);
    const compared = () => secretsGiven(given ?? new Map());
    return writer.change({ find, make, expected, compared }, caller);
  }

  private async assertUnused(document: EnvironmentDocument): Promise<void> {
    const { _id, org, slug } = document;
    const [{ users }, importers] = await Promise.all([
      this.options.users.list({ org, environmentId: _id, slug }),
      importersOf(this.options.store, document),
    ]);
    const all = [...users.map(describeUser), ...importers.map((importer) => `Environment ${importer.slug}`)];
    if (all.length === 0) return;
    const named = [...new Set(all)].slice(0, NAMED_USERS);
    const more = all.length > named.length ? ` and ${all.length - named.length} more` : '';
    throw failedPrecondition(
      `environment ${slug} is used by ${named.join(', ')}${more}: remove it there first, or delete it with force`,
      named.map((field) => ({ field, description: `refers to the environment ${slug}` })),
    );
  }
}

function assertHas({ data, slug }: EnvironmentDocument, keys: readonly string[]): void {
  const missing = keys.filter((key) => !data.has(key));
  if (missing.length > 0) throw notFound('Variable', `${missing.join(', ')} in ${slug}`);
}

function withVariables(
  existing: EnvironmentDocument,
  given: ReadonlyMap<string, EnvironmentValue>,
  removed: readonly string[],
): Edit {
  const wanted = new Map([...redactedVariables(existing), ...given]);
  for (const key of removed) wanted.delete(key);
  return { facts: contentOf(existing), wanted, message: '' };
}

function metadataOf({ metadata }: Environment) {
  if (metadata === undefined) throw new Error('a request without metadata passed validation');
  return metadata;
}

function authorOf({ actor }: Caller) {
  return { by: actor, at: new Date() };
}

function absent(reference: string): never {
  throw notFound('Environment', reference);
}

function describeUser({ kind, id, slug }: EnvironmentUser): string {
  return `${kind} ${slug === '' ? id : slug}`;
}
