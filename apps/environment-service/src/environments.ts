import { setTimeout as sleep } from 'node:timers/promises';
import type { OnModuleDestroy } from '@nestjs/common';
import type { KeyRingHolder } from '@stigmer/crypto';
import { aborted, DomainError, failedPrecondition, notFound, permissionDenied } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { EnvironmentUser, EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import type { Caller, Logger } from '@stigmer/service';
import { contentOf, type EnvironmentDocument, type StoredVariable } from './environment-document';
import { createDocument, type Edit, editDocument, editOf, slugOf } from './environment-edit';
import { EnvironmentSecrets } from './environment-secrets';
import type { EnvironmentStore } from './environments.store';
import { readPaging, tokenAfter } from './paging';
import { assertEnvironmentKind, describeReference, pick, wantedBy } from './references';
import { readVariables, redactedVariables } from './variables';

export interface EnvironmentsOptions {
  readonly store: EnvironmentStore;
  readonly keys: KeyRingHolder;
  readonly users: Pick<GrpcClient<typeof EnvironmentUsers>, 'list' | 'close'>;
  readonly log: Logger;
}

export interface Page {
  readonly items: readonly EnvironmentDocument[];
  readonly total: number;
  readonly nextToken: string;
}

/** How often a change is made again from a newer version before its caller is told to try again. */
const ATTEMPTS = 20;
const NAMED_USERS = 20;

/** Environments: who may write what, versions, and what may be read. Documents in and out are sealed. */
export class Environments implements OnModuleDestroy {
  private readonly audit: Logger;

  constructor(private readonly options: EnvironmentsOptions) {
    // Who was given a secret is written down whatever the level of the log.
    this.audit = options.log.child({}, { level: 'info' });
  }

  /** Creates the environment or makes the stored one like it. Of two who create at once, one updates. */
  async apply(resource: Environment, caller: Caller): Promise<EnvironmentDocument> {
    if ((await this.findWritten(resource)) !== undefined) return this.update(resource, caller);
    try {
      return await this.create(resource, caller);
    } catch (error) {
      const lostRace = error instanceof DomainError && error.kind === 'already-exists';
      if (!lostRace || (await this.findWritten(resource)) === undefined) throw error;
      return this.update(resource, caller);
    }
  }

  async create(resource: Environment, caller: Caller): Promise<EnvironmentDocument> {
    const { keys, store, log } = this.options;
    const document = createDocument(keys.current, metadataOf(resource), editOf(resource), authorOf(caller));
    await store.insert(document);
    log.info({ environment: document._id, org: document.org, actor: caller.actor }, 'environment created');
    return document;
  }

  async update(resource: Environment, caller: Caller): Promise<EnvironmentDocument> {
    const metadata = metadataOf(resource);
    const find = async () => (await this.findWritten(resource)) ?? absent(metadata.id || slugOf(metadata));
    return this.change(find, (existing) => editOf(resource, existing), caller, metadata.version?.id);
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
    );
  }

  /** Removes these variables; one that is not there is removed already. */
  async removeVariables(id: string, keys: readonly string[], caller: Caller): Promise<EnvironmentDocument> {
    return this.change(
      () => this.get(id),
      (existing) => withVariables(existing, new Map(), keys),
      caller,
    );
  }

  /** Deletes an environment that nobody uses; with `force`, also one that is used. */
  async delete(id: string, force: boolean, caller: Caller): Promise<EnvironmentDocument> {
    const { store, log } = this.options;
    const found = await this.get(id);
    if (!force) await this.assertUnused(found);
    const removed = (await store.remove(id)) ?? absent(id);
    log.info({ environment: id, org: removed.org, actor: caller.actor, force }, 'environment deleted');
    return removed;
  }

  async get(id: string): Promise<EnvironmentDocument> {
    return (await this.options.store.findById(id)) ?? absent(id);
  }

  async getByReference(reference: ApiResourceReference): Promise<EnvironmentDocument> {
    assertEnvironmentKind(reference);
    const { store } = this.options;
    // Without an organization to look in, only an id says which environment is meant.
    const byId = reference.org === '' ? await store.findById(reference.slug) : undefined;
    const found = byId === undefined ? await store.findAny(wantedBy(reference.org, [reference])) : [byId];
    return pick(reference, found) ?? absent(describeReference(reference));
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
    const value = variable.is_secret
      ? EnvironmentSecrets.of(this.options.keys.current, document).open(key, variable.value)
      : variable.value;
    this.audit.info(
      { audit: 'secret.revealed', actor: caller.actor, environment: id, key },
      'secret revealed',
    );
    return { ...variable, value };
  }

  onModuleDestroy(): void {
    this.options.users.close();
  }

  private async findWritten(resource: Environment): Promise<EnvironmentDocument | undefined> {
    const metadata = metadataOf(resource);
    const { store } = this.options;
    if (metadata.id === '') return store.findBySlug(metadata.org, slugOf(metadata));
    const found = await store.findById(metadata.id);
    // Another organization's does not exist for this one: not found, and not taken over.
    return found?.org === metadata.org ? found : undefined;
  }

  /**
   * Changes a stored environment. A stale `expected` version is ABORTED; without one the last write wins, made anew
   * from the newest version each time another write came first, so that no concurrent change is lost unseen.
   */
  private async change(
    find: () => Promise<EnvironmentDocument>,
    edit: (existing: EnvironmentDocument) => Edit,
    caller: Caller,
    expected = '',
  ): Promise<EnvironmentDocument> {
    const { keys, store, log } = this.options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const existing: EnvironmentDocument = await find();
      if (expected !== '' && expected !== existing.version.id) throw stale(existing, expected);
      const outcome = editDocument(keys.current, existing, edit(existing), authorOf(caller));
      if (outcome.kind === 'unchanged') return existing;
      if (await store.replace(outcome.document, existing)) {
        log.info(
          { environment: existing._id, actor: caller.actor, outcome: outcome.kind },
          'environment written',
        );
        if (outcome.kind === 'changed') return outcome.document;
        continue;
      }
      await sleep(Math.random() * 10 * attempt);
    }
    throw aborted('the environment was changed by others at the same time: try again');
  }

  private async assertUnused({ _id, org, slug }: EnvironmentDocument): Promise<void> {
    const { users } = await this.options.users.list({ org, environmentId: _id, slug });
    if (users.length === 0) return;
    const named = users.slice(0, NAMED_USERS).map(describeUser);
    const more = users.length > named.length ? ` and ${users.length - named.length} more` : '';
    throw failedPrecondition(
      `environment ${slug} is used by ${named.join(', ')}${more}: remove it there first, or delete it with force`,
      named.map((field) => ({ field, description: `refers to the environment ${slug}` })),
    );
  }
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

function stale({ _id, version }: EnvironmentDocument, expected: string) {
  return aborted(`environment ${_id} is at version ${version.id}, not ${expected}: read it again`);
}

function describeUser({ kind, id, slug }: EnvironmentUser): string {
  return `${kind} ${slug === '' ? id : slug}`;
}
