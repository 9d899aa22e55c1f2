import { clone, create, toJson, type DescMessage, type JsonObject, type Message } from '@bufbuild/protobuf';
import { aborted, DomainError, notFound, REDACTED, referenceCandidates, slugify } from '@stigmer/domain';
import { AgentSchema, type Agent } from '@stigmer/proto/agentic/agent/v1/api';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentQueryController } from '@stigmer/proto/agentic/agent/v1/query';
import { AgentInstanceSchema, type AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { AgentInstanceQueryController } from '@stigmer/proto/agentic/agentinstance/v1/query';
import { EnvironmentSchema, type Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { WorkflowSchema, type Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import {
  WorkflowInstanceSchema,
  type WorkflowInstance,
} from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import type { Resource } from '../resources/kinds';
import { FakeServer } from './fake-server';

/** A server's resources in memory, with as much of its behaviour as the CLI can see. */
export class FakeStigmer {
  readonly environments = new Shelf<Environment>('Environment', 'env', EnvironmentSchema);
  readonly agents = new Shelf<Agent>('Agent', 'agt', AgentSchema);
  readonly agentInstances = new Shelf<AgentInstance>('AgentInstance', 'ain', AgentInstanceSchema);
  readonly workflows = new Shelf<Workflow>('Workflow', 'wfl', WorkflowSchema);
  readonly workflowInstances = new Shelf<WorkflowInstance>('WorkflowInstance', 'win', WorkflowInstanceSchema);
  /** The local token that came with the last reveal. */
  revealedWith: string | undefined;

  /** Registers the resources' services; a test adds the others before it listens. */
  on(server: FakeServer): FakeServer {
    this.#serveEnvironments(server);
    this.#serveAgents(server);
    this.#serveWorkflows(server);
    return server;
  }

  #serveEnvironments(server: FakeServer): void {
    const { environments, agentInstances } = this;
    server
      .serve(EnvironmentCommandController, {
        apply: (environment) => Promise.resolve(redacted(environments.apply(environment))),
        create: (environment) => Promise.resolve(redacted(environments.apply(environment))),
        update: (environment) => {
          const { spec } = environments.byReference(environment.metadata?.slug ?? '');
          return Promise.resolve(redacted(environments.apply(keepingSecrets(environment, spec))));
        },
        delete: ({ resourceId, force }) => {
          const users = [...agentInstances.all()].filter(({ spec }) =>
            spec?.environmentRefs.some(
              ({ slug }) => slug === environments.byReference(resourceId).metadata?.slug,
            ),
          );
          if (users.length > 0 && !force) {
            throw new DomainError('failed-precondition', 'the environment is in use', [
              {
                field: 'resource_id',
                description: `is in use by AgentInstance ${users[0]?.metadata?.slug ?? ''}`,
              },
            ]);
          }
          return Promise.resolve(redacted(environments.remove(resourceId)));
        },
      })
      .serve(EnvironmentQueryController, {
        get: ({ value }) => Promise.resolve(redacted(environments.byReference(value))),
        getByReference: ({ slug }) => Promise.resolve(redacted(environments.byReference(slug))),
        list: ({ pageSize, pageToken }) => {
          const from = Number(pageToken || '0');
          const items = [...environments.all()].map(redacted).slice(from, from + pageSize);
          const next = from + pageSize < environments.size ? String(from + pageSize) : '';
          return Promise.resolve({ items, totalCount: environments.size, nextPageToken: next });
        },
        getSecretValue: ({ environmentId, key }, { metadata }) => {
          this.revealedWith = metadata.get('x-stigmer-local-token')[0]?.toString();
          if (this.revealedWith === undefined)
            throw new DomainError('permission-denied', 'only the owner may read a secret');
          return Promise.resolve({
            value: environments.byReference(environmentId).spec?.data[key]?.value ?? '',
            isSecret: true,
          });
        },
      });
  }

  #serveAgents(server: FakeServer): void {
    const { environments, agents, agentInstances } = this;
    server
      .serve(AgentCommandController, {
        apply: (agent) => Promise.resolve(agents.apply(agent)),
        delete: ({ value }) => Promise.resolve(agents.remove(value)),
      })
      .serve(AgentQueryController, {
        getByReference: ({ slug }) => Promise.resolve(agents.byReference(slug)),
      })
      .serve(AgentInstanceCommandController, {
        apply: (instance) => {
          const { environmentRefs = [] } = instance.spec ?? {};
          const missing = environmentRefs.flatMap(({ slug }, index) =>
            environments.find(slug)
              ? []
              : [{ field: `spec.environment_refs[${index}]`, description: `Environment not found: ${slug}` }],
          );
          if (missing.length > 0) throw new DomainError('failed-precondition', 'broken references', missing);
          if (instance.spec)
            instance.spec.agentId = agents.byReference(instance.spec.agentId).metadata?.id ?? '';
          return Promise.resolve(agentInstances.apply(instance));
        },
      })
      .serve(AgentInstanceQueryController, {
        getByReference: ({ slug }) => Promise.resolve(agentInstances.byReference(slug)),
        getByAgent: ({ agentId }) =>
          Promise.resolve({
            items: [...agentInstances.all()].filter(({ spec }) => spec?.agentId === agentId),
          }),
      });
  }

  #serveWorkflows(server: FakeServer): void {
    const { workflows, workflowInstances } = this;
    server
      .serve(WorkflowCommandController, { apply: (workflow) => Promise.resolve(workflows.apply(workflow)) })
      .serve(WorkflowQueryController, {
        getByReference: ({ slug }) => Promise.resolve(workflows.byReference(slug)),
      })
      .serve(WorkflowInstanceCommandController, {
        apply: (instance) => {
          if (instance.spec)
            instance.spec.workflowId = workflows.byReference(instance.spec.workflowId).metadata?.id ?? '';
          return Promise.resolve(workflowInstances.apply(instance));
        },
      })
      .serve(WorkflowInstanceQueryController, {
        getByReference: ({ slug }) => Promise.resolve(workflowInstances.byReference(slug)),
        getByWorkflow: ({ workflowId }) =>
          Promise.resolve({
            entries: [...workflowInstances.all()].filter(({ spec }) => spec?.workflowId === workflowId),
          }),
      });
  }
}

/** The resources of one kind: ids, slugs and versions as the server makes them. */
class Shelf<R extends Resource> {
  readonly #items = new Map<string, R>();

  constructor(
    private readonly kind: string,
    private readonly prefix: string,
    private readonly schema: DescMessage,
  ) {}

  get size(): number {
    return this.#items.size;
  }

  all(): Iterable<R> {
    return this.#items.values();
  }

  apply(draft: R): R {
    const slug = draft.metadata?.slug || slugify(draft.metadata?.name ?? '');
    const before = this.#items.get(slug);
    const stored = clone(this.schema, draft as Message) as R;
    const expected = draft.metadata?.version?.id;
    const version = Number(before?.metadata?.version?.id ?? '0');
    if (expected && expected !== String(version)) throw aborted('the version is stale');
    if (!stored.metadata) throw new DomainError('invalid-argument', 'metadata is missing');
    const unchanged = before !== undefined && this.#specOf(before) === this.#specOf(stored);
    stored.metadata.slug = slug;
    stored.metadata.id = before?.metadata?.id ?? `${this.prefix}-0000000000${slug}`;
    stored.metadata.version = create(versionSchema(this.schema), {
      id: String(unchanged ? version : version + 1),
    }) as NonNullable<typeof stored.metadata>['version'];
    this.#items.set(slug, stored);
    return stored;
  }

  find(ref: string): R | undefined {
    for (const { by, value } of referenceCandidates(this.prefix, ref)) {
      const found = [...this.#items.values()].find(
        ({ metadata }) => (by === 'id' ? metadata?.id : metadata?.slug) === value,
      );
      if (found) return found;
    }
    return undefined;
  }

  byReference(ref: string): R {
    const found = this.find(ref);
    if (!found) throw notFound(this.kind, ref);
    return found;
  }

  remove(id: string): R {
    const found = this.byReference(id);
    this.#items.delete(found.metadata?.slug ?? '');
    return found;
  }

  #specOf(resource: R): string {
    const { spec } = toJson(this.schema, resource as Message) as JsonObject;
    return JSON.stringify(spec);
  }
}

function versionSchema(schema: DescMessage): DescMessage {
  const version = schema.field['metadata']?.message?.field['version']?.message;
  if (!version) throw new Error('no version in the metadata');
  return version;
}

function redacted(environment: Environment): Environment {
  const copy = clone(EnvironmentSchema, environment);
  for (const value of Object.values(copy.spec?.data ?? {})) if (value.isSecret) value.value = REDACTED;
  return copy;
}

/** `********` keeps what is stored, as on the server. */
function keepingSecrets(draft: Environment, stored: Environment['spec']): Environment {
  const copy = clone(EnvironmentSchema, draft);
  for (const [key, value] of Object.entries(copy.spec?.data ?? {})) {
    if (value.value === REDACTED) value.value = stored?.data[key]?.value ?? '';
  }
  return copy;
}
