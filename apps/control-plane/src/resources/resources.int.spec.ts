import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentQueryController } from '@stigmer/proto/agentic/agent/v1/query';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { AgentInstanceQueryController } from '@stigmer/proto/agentic/agentinstance/v1/query';
import { McpServerQueryController } from '@stigmer/proto/agentic/mcpserver/v1/query';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import type { GrpcClient } from '@stigmer/proto';
import { farSide, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { agent, agentInstance, ORG, workflow } from '../testing/samples';
import { type Backing, type Replica, startBacking, startReplica } from '../testing/stack';
import { API_VERSION } from './api-version';

let backing: Backing;
let replica: Replica;
let agents: GrpcClient<typeof AgentCommandController>;
let agentQueries: GrpcClient<typeof AgentQueryController>;
let instances: GrpcClient<typeof AgentInstanceCommandController>;
let instanceQueries: GrpcClient<typeof AgentInstanceQueryController>;

beforeAll(async () => {
  backing = await startBacking();
  replica = await startReplica(backing);
  agents = replica.client(AgentCommandController, 'gateway');
  agentQueries = replica.client(AgentQueryController, 'gateway');
  instances = replica.client(AgentInstanceCommandController, 'gateway');
  instanceQueries = replica.client(AgentInstanceQueryController, 'gateway');
});
afterAll(async () => {
  await replica.close();
  await backing.stop();
});
beforeEach(resetFarSide);

describe('resources', () => {
  it('gives a new resource an id of its kind, the slug of its name, a version and an audit', async () => {
    const created = await agents.create(agent('GitHub Reviewer!'));
    expect(created.metadata).toMatchObject({ slug: 'github-reviewer', name: 'GitHub Reviewer!', org: ORG });
    expect(created.metadata?.id).toMatch(/^agt-[0-9a-z]{26}$/);
    expect(created.metadata?.version?.id).toMatch(/^ver-/);
    expect(created.status?.audit?.specAudit).toMatchObject({ createdBy: { id: 'local' }, event: 'created' });
    expect(await agentQueries.get({ value: created.metadata?.id })).toEqual(created);
  });

  it('keeps an id that the client gives', async () => {
    const sample = agent('with-id');
    const created = await agents.create({
      ...sample,
      metadata: { ...sample.metadata, id: 'agt-mine' },
    } as typeof sample);
    expect(created.metadata?.id).toBe('agt-mine');
  });

  it('finds a reference as an id, as a slug, and as prefix and slug', async () => {
    const { metadata } = await agents.apply(agent('by-reference'));
    for (const slug of [metadata?.id, 'by-reference', 'agt-by-reference']) {
      const found = await agentQueries.getByReference({ org: ORG, slug, kind: ApiResourceKind.agent });
      expect(found.metadata?.id).toBe(metadata?.id);
    }
    expect((await refusal(agentQueries.getByReference({ org: 'other', slug: 'by-reference' }))).message).toBe(
      'Agent not found: by-reference',
    );
  });

  it('refuses a reference to another kind', async () => {
    const error = await refusal(
      agentQueries.getByReference({ org: ORG, slug: 'x', kind: ApiResourceKind.environment }),
    );
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'kind' }] });
  });

  it('refuses a second resource of the same org, kind and slug, also when both come at once', async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 5 }, () => agents.create(agent('only-one'))),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await refusal(agents.create(agent('Only One')))).kind).toBe('already-exists');
  });

  it('applies: creates, then updates, and keeps the version where nothing changes', async () => {
    const first = await agents.apply(agent('applied'));
    const same = await agents.apply(agent('applied'));
    expect(same.metadata?.version?.id).toBe(first.metadata?.version?.id);
    const changed = await agents.apply(agent('applied', { description: 'now described' }));
    expect(changed.metadata?.id).toBe(first.metadata?.id);
    expect(changed.metadata?.version?.previousVersionId).toBe(first.metadata?.version?.id);
    expect(changed.status?.audit?.specAudit?.event).toBe('updated');
    expect(changed.status?.audit?.specAudit?.createdAt).toEqual(first.status?.audit?.specAudit?.createdAt);
  });

  it('many applies at once leave one resource', async () => {
    const applied = await Promise.all(
      Array.from({ length: 6 }, () => agents.apply(agent('applied-at-once'))),
    );
    expect(new Set(applied.map(({ metadata }) => metadata?.id)).size).toBe(1);
  });

  it('a write that expects a stale version is ABORTED, and one that expects none wins', async () => {
    const first = await agents.create(agent('versioned'));
    const { metadata } = await agents.update(agent('versioned', { description: 'second' }));
    const stale = agent('versioned', { description: 'third' });
    const expecting = (id: string | undefined) =>
      ({ ...stale, metadata: { ...stale.metadata, version: { id } } }) as typeof stale;
    expect((await refusal(agents.update(expecting(first.metadata?.version?.id)))).kind).toBe('aborted');
    const third = await agents.update(expecting(metadata?.version?.id));
    expect(third.spec?.description).toBe('third');
  });

  it('an update of what does not exist is NOT_FOUND; id, org and slug cannot change', async () => {
    expect((await refusal(agents.update(agent('nowhere')))).kind).toBe('not-found');
    const { metadata } = await agents.create(agent('fixed'));
    const moved = agent('fixed');
    const error = await refusal(
      agents.update({
        ...moved,
        metadata: { ...moved.metadata, id: metadata?.id, slug: 'elsewhere' },
      } as typeof moved),
    );
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'metadata.slug' }] });
  });

  it('requires an org, except of what belongs to the platform, which every org finds', async () => {
    const homeless = agent('homeless');
    const metadata = { name: 'homeless', ownerScope: ApiResourceOwnerScope.organization };
    expect(
      (await refusal(agents.create({ ...homeless, metadata } as typeof homeless))).violations[0]?.field,
    ).toBe('metadata.org');
    await agents.create({
      ...homeless,
      metadata: { ...metadata, ownerScope: ApiResourceOwnerScope.platform },
    } as typeof homeless);
    expect((await agentQueries.getByReference({ org: ORG, slug: 'homeless' })).metadata?.org).toBe('');
  });

  it('lists page by page, every resource once', async () => {
    const org = 'paged';
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const sample = agent(name);
      await agents.create({ ...sample, metadata: { ...sample.metadata, org } } as typeof sample);
    }
    const seen: (string | undefined)[] = [];
    let pageToken = '';
    do {
      const page = await agentQueries.list({ org, pageSize: 2, pageToken });
      expect(page.totalCount).toBe(5);
      seen.push(...page.items.map(({ metadata }) => metadata?.slug));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('ends a page early where it would outgrow a message, and goes on after it', async () => {
    const org = 'heavy';
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      const sample = agent(name, { instructions: 'x'.repeat(4 * 1024 * 1024) });
      await agents.create({ ...sample, metadata: { ...sample.metadata, org } } as typeof sample);
    }
    const pages: (string | undefined)[][] = [];
    let pageToken = '';
    do {
      const page = await agentQueries.list({ org, pageToken });
      pages.push(page.items.map(({ metadata }) => metadata?.slug));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages.map(({ length }) => length)).toEqual([2, 2]);
    expect(pages.flat().toSorted()).toEqual(names);
  });

  it('answers UNIMPLEMENTED to the MCP servers of the contract', async () => {
    const servers = replica.client(McpServerQueryController, 'gateway');
    await expect(servers.get({ value: 'mcp-1' })).rejects.toMatchObject({ cause: { code: 12 } });
  });
});

describe('a template', () => {
  it('comes with a default instance and goes with it', async () => {
    const created = await agents.create(agent('with-default'));
    const id = created.status?.defaultInstanceId;
    const instance = await instanceQueries.get({ value: id });
    expect(instance).toMatchObject({
      metadata: { slug: 'with-default-default' },
      spec: { agentId: created.metadata?.id },
    });
    await agents.delete({ value: created.metadata?.id });
    expect((await refusal(instanceQueries.get({ value: id }))).kind).toBe('not-found');
    expect((await refusal(agentQueries.get({ value: created.metadata?.id }))).kind).toBe('not-found');
  });

  it('a workflow has a default instance too', async () => {
    const created = await replica
      .client(WorkflowCommandController, 'gateway')
      .create(workflow('flow-with-default'));
    const queries = replica.client(WorkflowInstanceQueryController, 'gateway');
    const { entries, totalPages } = await queries.getByWorkflow({ workflowId: created.metadata?.id });
    expect(totalPages).toBe(1);
    expect(entries.map(({ metadata }) => metadata?.id)).toEqual([created.status?.defaultInstanceId]);
  });

  it('is not deleted while it has instances of its own, which are named', async () => {
    const { metadata } = await agents.create(agent('in-use'));
    const instance = await instances.create(agentInstance('in-use-prod', 'in-use'));
    const error = await refusal(agents.delete({ value: metadata?.id }));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain(instance.metadata?.id ?? 'no id');
    expect(error.violations.map(({ field }) => field)).toEqual(['value']);
  });

  it('does not carry a value of a secret: INVALID_ARGUMENT naming the key and not the value', async () => {
    const data = { GITHUB_TOKEN: { isSecret: true, value: 'canary-value' }, PLAIN: { value: 'x' } };
    const error = await refusal(agents.apply(agent('leaky', { envSpec: { data } })));
    expect(error.kind).toBe('invalid-argument');
    expect(error.violations.map(({ field }) => field)).toEqual(['spec.env_spec.data["GITHUB_TOKEN"]']);
    expect(error.message).not.toContain('canary-value');
    expect(replica.log()).not.toContain('canary-value');
  });

  it('has its placeholders checked, all at once', async () => {
    const bad = {
      name: 'one',
      serverType: { case: 'stdio', value: { command: 'run ${TOKEN}', envPlaceholders: { A: '${A-B}' } } },
    };
    const error = await refusal(agents.apply(agent('placeholders', { mcpServers: [bad, bad] } as never)));
    const fields = error.violations.map(({ field }) => field);
    expect(fields).toEqual(
      expect.arrayContaining([
        'spec.mcp_servers[0].command',
        'spec.mcp_servers[0].env_placeholders["A"]',
        'spec.mcp_servers[1].name',
      ]),
    );
  });
});

describe('an instance', () => {
  it('refers to what exists: FAILED_PRECONDITION names the agent and every environment that does not', async () => {
    farSide.environments.add(`${ORG}/base`);
    const error = await refusal(
      instances.create(agentInstance('broken', 'no-such-agent', ['base', 'missing-a', 'missing-b'])),
    );
    expect(error.kind).toBe('failed-precondition');
    expect(error.violations.map(({ description }) => description)).toEqual([
      'Agent not found: no-such-agent',
      'Environment not found: missing-a',
      'Environment not found: missing-b',
    ]);
  });

  it("does not see another organisation's environment", async () => {
    farSide.environments.add('other/secret-env');
    await agents.apply(agent('lonely'));
    const sample = agentInstance('lonely-prod', 'lonely');
    const environmentRefs = [{ org: 'other', slug: 'secret-env', kind: 53 }];
    const error = await refusal(
      instances.create({ ...sample, spec: { agentId: 'lonely', environmentRefs } } as typeof sample),
    );
    expect(error.message).toContain('Environment not found: secret-env');
  });

  it('is listed by its agent, whose id it holds however it was named, and by the environments it uses', async () => {
    farSide.environments.add(`${ORG}/shared-env`).add(`${ORG}/env-shared-env`);
    const { metadata } = await agents.create(agent('listed'));
    const prod = await instances.create(agentInstance('listed-prod', 'agt-listed', ['shared-env']));
    const old = await instances.create(agentInstance('listed-old', 'listed', ['env-shared-env']));
    expect(prod.spec?.agentId).toBe(metadata?.id);
    const { items, totalCount } = await instanceQueries.getByAgent({ agentId: metadata?.id });
    expect(totalCount).toBe(3);
    expect(items.map((item) => item.metadata?.slug).toSorted()).toEqual([
      'listed-default',
      'listed-old',
      'listed-prod',
    ]);
    const users = replica.client(EnvironmentUsers, 'environment-service');
    const used = await users.list({ org: ORG, environmentId: 'env-01', slug: 'shared-env' });
    expect(used.users.map(({ id }) => id).toSorted()).toEqual(
      [prod.metadata?.id, old.metadata?.id].toSorted(),
    );
  });

  it('says which versions of an environment it pins, however many instances there are', async () => {
    for (const version of ['', '@latest', '@7', '@stable'])
      farSide.environments.add(`${ORG}/pinned-env${version}`);
    await agents.create(agent('pinning'));
    const many = Array.from({ length: 101 }, (_, i) => pinning(`pinning-${i}`, i % 2 === 0 ? '' : 'latest'));
    await Promise.all(many);
    await pinning('pinning-number', '7');
    await pinning('pinning-tag', 'stable');
    await pinning('pinning-tag-too', 'stable');
    const users = replica.client(EnvironmentUsers, 'environment-service');
    const used = await users.list({ org: ORG, environmentId: 'env-02', slug: 'pinned-env' });
    expect(used.versions).toEqual(['7', 'stable']);
    expect(used.users).toHaveLength(100);
  });

  async function pinning(name: string, version: string): Promise<void> {
    const sample = agentInstance(name, 'pinning');
    const environmentRefs = [{ slug: 'pinned-env', kind: 53, version }];
    await instances.create({ ...sample, spec: { agentId: 'pinning', environmentRefs } } as typeof sample);
  }

  it('keeps its agent', async () => {
    await agents.apply(agent('agent-one'));
    await agents.apply(agent('agent-two'));
    await instances.apply(agentInstance('bound', 'agent-one'));
    const error = await refusal(instances.apply(agentInstance('bound', 'agent-two')));
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'spec.agent_id' }] });
  });
});

describe('a session', () => {
  it('belongs to an instance and is listed by its agent', async () => {
    const { metadata, status } = await agents.apply(agent('talkative'));
    const sessions = replica.client(SessionCommandController, 'gateway');
    const created = await sessions.create({
      apiVersion: API_VERSION,
      kind: 'Session',
      metadata: { org: ORG, ownerScope: ApiResourceOwnerScope.organization, tags: ['blue'] },
      spec: { agentInstanceId: 'talkative-default' },
    });
    expect(created.spec?.agentInstanceId).toBe(status?.defaultInstanceId);
    const queries = replica.client(SessionQueryController, 'gateway');
    const byAgent = await queries.listByAgent({ agentId: metadata?.id });
    expect(byAgent.entries.map((entry) => entry.metadata?.id)).toEqual([created.metadata?.id]);
    expect((await queries.list({ tags: ['blue'] })).entries).toHaveLength(1);
    expect((await queries.list({ tags: ['blue', 'red'] })).entries).toHaveLength(0);
  });
});
