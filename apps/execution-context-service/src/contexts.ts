import { create, equals } from '@bufbuild/protobuf';
import {
  aborted,
  alreadyExists,
  failedPrecondition,
  invalidArguments,
  KINDS,
  notFound,
  referenceCandidates,
} from '@stigmer/domain';
import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import { ExecutionContextSpecSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { type Caller, type Logger, newId } from '@stigmer/service';
import { type ClientWrite, DATA_FIELD, readWrite } from './client-write';
import { type ContextData, keepRedacted, redactedData } from './context-data';
import { type ContextDocument, toResource } from './context-document';
import type { ContextSeal } from './context-seal';
import type { ContextStore } from './contexts.store';
import type { Clock } from './epoch';
import { LEASE_MS } from './expiry';
import { settled } from './settled';

const ORIGIN = 'gateway';
const { idPrefix: ID_PREFIX, number: KIND } = KINDS.ExecutionContext;
const UNSPECIFIED_KIND = 0;

export interface ContextsOptions {
  readonly store: ContextStore;
  readonly seal: ContextSeal;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The public contract: contexts that clients make for themselves, apart from those of runs, and redacted reads of
 * both. Nothing that it answers holds a secret's value.
 */
export class Contexts {
  constructor(private readonly options: ContextsOptions) {}

  async apply(resource: ExecutionContext, caller: Caller): Promise<ExecutionContext> {
    const write = readWrite(resource);
    const { store } = this.options;
    const { id, org, slug } = write;
    const found = await (id === '' ? store.findBySlug(org, slug, ORIGIN) : store.findById(id));
    // Another organization's, or a run's, is none of the client's: `add` says that its id is taken.
    const own = found?.origin === ORIGIN && found.org === org;
    return own ? this.change(found, write, caller) : this.add(write, caller);
  }

  async create(resource: ExecutionContext, caller: Caller): Promise<ExecutionContext> {
    return this.add(readWrite(resource), caller);
  }

  /** Destroys a context that a client made. One of a run ends with its run and not before. */
  async delete(id: string, { actor }: Caller): Promise<ExecutionContext> {
    const document = await this.find(id);
    if (document.origin !== ORIGIN) {
      throw failedPrecondition(
        `the context ${id} belongs to the run ${document.execution_id} and ends with it: cancel the run`,
      );
    }
    const resource = await this.redacted(document);
    await this.options.store.destroy(document.execution_id, ORIGIN);
    this.options.log.info({ context: id, org: document.org, actor }, 'context deleted by a client');
    return resource;
  }

  async get(id: string): Promise<ExecutionContext> {
    return this.redacted(await this.find(id));
  }

  async getByReference({ kind, slug, org, version }: ApiResourceReference): Promise<ExecutionContext> {
    const given: number = kind;
    if (given !== KIND && given !== UNSPECIFIED_KIND) {
      throw invalidArguments([{ field: 'kind', description: 'must be execution_context' }]);
    }
    const found = await this.findByName(org, slug);
    // Earlier versions are not kept, so a reference to one finds nothing.
    if (found === undefined || !['', 'latest', found.version.id].includes(version)) {
      throw notFound('ExecutionContext', slug);
    }
    return this.redacted(found);
  }

  /** The context of a run, else the one that a client made under this execution id. */
  async getByExecutionId(executionId: string): Promise<ExecutionContext> {
    const { store } = this.options;
    const found =
      (await store.findByExecution(executionId, 'run')) ?? (await store.findByExecution(executionId, ORIGIN));
    if (found === undefined) throw notFound('ExecutionContext', executionId);
    return this.redacted(found);
  }

  /** Adds a context that expires in 24 hours. */
  private async add(write: ClientWrite, { actor }: Caller): Promise<ExecutionContext> {
    const data = keepRedacted(write.data, {}, DATA_FIELD);
    const made = { by: actor, at: new Date(this.options.clock()) };
    const facts = {
      _id: write.id === '' ? newId(ID_PREFIX) : write.id,
      ...({ execution_id: write.executionId, origin: ORIGIN, org: write.org, slug: write.slug } as const),
      metadata: write.metadata,
      version: { id: newId('ver'), message: write.message, previous: '' },
      ...{ created: made, updated: made },
      expires_at: new Date(made.at.getTime() + LEASE_MS),
    };
    const { store, seal, log } = this.options;
    const content = { data, digest: new Uint8Array() };
    const document = { ...facts, ...(await seal.seal(facts, content)) };
    if (!(await store.insert(document))) throw taken(write);
    await settled(this.options, document, content);
    log.info({ context: document._id, org: write.org, actor }, 'context created by a client');
    return toResource(document, redactedData(data));
  }

  /** Brings a context to the content of a write. A write that changes nothing keeps the version. */
  private async change(
    existing: ContextDocument,
    write: ClientWrite,
    { actor }: Caller,
  ): Promise<ExecutionContext> {
    const { store, seal, log, clock } = this.options;
    if (!['', existing.version.id].includes(write.expectedVersion)) throw stale(existing);
    if (write.executionId !== existing.execution_id) {
      throw failedPrecondition(`the execution id of the context ${existing._id} cannot be changed`);
    }
    const stored = await seal.open(existing);
    const data = keepRedacted(write.data, stored.data, DATA_FIELD);
    if (isUnchanged(existing, write) && sameData(data, stored.data)) return this.redacted(existing);
    const document = {
      ...existing,
      ...{ slug: write.slug, metadata: write.metadata, updated: { by: actor, at: new Date(clock()) } },
      version: { id: newId('ver'), message: write.message, previous: existing.version.id },
      ...(await seal.seal(existing, { data, digest: stored.digest })),
    };
    if (!(await store.replace(document, existing.version.id))) throw stale(existing);
    await settled(this.options, document, { data, digest: stored.digest });
    log.info({ context: document._id, org: document.org, actor }, 'context changed by a client');
    return toResource(document, redactedData(data));
  }

  private async find(id: string): Promise<ContextDocument> {
    const document = await this.options.store.findById(id);
    if (document === undefined) throw notFound('ExecutionContext', id);
    return document;
  }

  private async findByName(org: string, name: string): Promise<ContextDocument | undefined> {
    const { store } = this.options;
    for (const { by, value } of referenceCandidates(ID_PREFIX, name)) {
      const found = await (by === 'id' ? store.findById(value) : store.findBySlug(org, value, ORIGIN));
      if (found !== undefined && (found.org === org || org === '')) return found;
    }
    return undefined;
  }

  private async redacted(document: ContextDocument): Promise<ExecutionContext> {
    const { data } = await this.options.seal.open(document);
    return toResource(document, redactedData(data));
  }
}

function isUnchanged({ slug, metadata }: ContextDocument, write: ClientWrite): boolean {
  return slug === write.slug && equals(ApiResourceMetadataSchema, metadata, write.metadata);
}

function sameData(one: ContextData, other: ContextData): boolean {
  const [a, b] = [one, other].map((data) => create(ExecutionContextSpecSchema, { data }));
  return a !== undefined && b !== undefined && equals(ExecutionContextSpecSchema, a, b);
}

function taken({ org, slug, executionId }: ClientWrite) {
  return alreadyExists(
    `ExecutionContext already exists: ${org}/${slug} (or its id, or one of ${executionId})`,
  );
}

function stale({ _id, version }: ContextDocument) {
  return aborted(
    `the context ${_id} is no longer at the version ${version.id}, or not at the one given: read it again`,
  );
}
