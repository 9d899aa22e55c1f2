import { unavailable } from '@stigmer/domain';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { ExecutionPhase } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { EnvironmentUsageController } from '@stigmer/proto/agentic/environment/v1/usage';
import { Layer, Severity } from '@stigmer/proto/agentic/resolver/v1/io';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { farSide, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { CANARY, nextId, type RunPlane, secretRun, startRunPlane } from '../testing/run-plane';
import { agent, agentInstance, ORG, workflowExecution } from '../testing/samples';

let plane: RunPlane;
let replica: RunPlane['replica'];
let commands: RunPlane['commands'];
let queries: RunPlane['queries'];

beforeAll(async () => {
  plane = await startRunPlane();
  ({ replica, commands, queries } = plane);
});
afterAll(() => plane.close());
beforeEach(resetFarSide);

const originOf = (id: string, revision: string) => ({
  ...{ layer: Layer.ENVIRONMENT, environmentId: id, environmentSlug: id.slice('env-'.length), revision },
});

/** The next run gets TOKEN of one environment and LEVEL of another. */
function givenBy(token: string, level: string): void {
  farSide.prepares = {
    variables: {
      TOKEN: {
        value: CANARY,
        isSecret: true,
        origin: originOf(token, 'ver-1'),
        shadowed: [{ layer: Layer.TEMPLATE }],
      },
      LEVEL: { value: 'debug', origin: originOf(level, 'ver-1') },
    },
    warnings: [
      { code: 'expiring-variable', severity: Severity.WARNING, variable: 'TOKEN', message: 'TOKEN expires' },
    ],
  };
}

function asked(environmentId: string, more: object = {}) {
  const slug = environmentId.slice('env-'.length);
  return replica
    .client(EnvironmentUsageController, 'gateway')
    .usedBy({ org: ORG, environmentId, slug, ...more });
}

function report(executionId: string, status: object) {
  const runner = replica.client(WorkflowExecutionCommandController, 'workflow-runner');
  return runner.updateStatus({ executionId, status: status as never });
}

describe('the provenance of an execution', () => {
  it('is in its status from the start, with the warnings, and stays when the run has ended', async () => {
    const id = nextId();
    givenBy('env-kept', 'env-other');
    const created = await commands.create(secretRun(id));
    expect(created.status?.provenance['TOKEN']).toMatchObject({
      isSecret: true,
      origin: { environmentId: 'env-kept', revision: 'ver-1' },
      shadowed: [{ layer: Layer.TEMPLATE }],
    });
    expect(created.status?.warnings).toMatchObject([{ code: 'expiring-variable', variable: 'TOKEN' }]);
    await report(id, { phase: ExecutionPhase.EXECUTION_COMPLETED });
    const ended = await queries.get({ value: id });
    expect(ended.status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(ended.status?.provenance).toEqual(created.status?.provenance);
    expect(ended.status?.warnings).toEqual(created.status?.warnings);
    expect(JSON.stringify(ended.status?.provenance) + replica.log()).not.toContain(CANARY);
  });

  it('is not the runner’s to report', async () => {
    const id = nextId();
    givenBy('env-mine', 'env-mine');
    const { status } = await commands.create(secretRun(id));
    const provenance = { FORGED: { origin: originOf('env-forged', 'ver-9') } };
    const reported = await report(id, {
      ...{ phase: ExecutionPhase.EXECUTION_IN_PROGRESS, provenance },
      warnings: [{ message: 'forged' }],
    });
    expect(reported.status?.provenance).toEqual(status?.provenance);
    expect(reported.status?.warnings).toEqual(status?.warnings);
    expect((await asked('env-forged')).executions).toEqual([]);
  });

  it('is that of the first start when the request is repeated, though the environment has changed since', async () => {
    const id = nextId();
    givenBy('env-first', 'env-first');
    const first = await commands.create(secretRun(id));
    givenBy('env-later', 'env-later');
    const again = await commands.create(secretRun(id));
    expect(again.status?.provenance).toEqual(first.status?.provenance);
    expect((await asked('env-later')).executions).toEqual([]);
  });

  it('is noted by the repetition where the first start did not come that far', async () => {
    const id = nextId();
    givenBy('env-repeated', 'env-repeated');
    farSide.before.prepare = () => {
      throw unavailable('down');
    };
    await refusal(commands.create(secretRun(id)));
    expect((await queries.get({ value: id })).status?.provenance).toEqual({});
    farSide.before = {};
    expect((await commands.create(secretRun(id))).status?.provenance).toHaveProperty('TOKEN');
    expect((await asked('env-repeated')).executions.map((use) => use.id)).toEqual([id]);
  });
});

describe('who uses an environment', () => {
  it('names the running executions with revision and variables, and those that have ended where asked', async () => {
    const [running, ended] = [nextId(), nextId()];
    givenBy('env-used', 'env-unused');
    await commands.create(secretRun(running));
    await commands.create(secretRun(ended));
    await report(ended, { phase: ExecutionPhase.EXECUTION_FAILED, error: 'x' });
    const { executions } = await asked('env-used');
    expect(executions).toMatchObject([
      { kind: 'WorkflowExecution', id: running, open: true, revision: 'ver-1', keys: ['TOKEN'] },
    ]);
    expect(executions[0]?.createdAt?.seconds).toBeGreaterThan(1_700_000_000n);
    const all = await asked('env-used', { ended: true });
    expect(all.executions.map(({ id, open }) => [id, open])).toEqual([
      [ended, false],
      [running, true],
    ]);
    expect((await asked('env-used', { key: 'LEVEL' })).executions).toEqual([]);
    expect((await asked('env-used', { key: 'TOKEN' })).executions).toHaveLength(1);
    expect((await asked('env-used', { org: 'other' })).executions).toEqual([]);
  });

  it('comes in pages, the newest first, each execution once', async () => {
    givenBy('env-paged', 'env-paged');
    const ids = Array.from({ length: 5 }, nextId);
    for (const id of ids) await commands.create(workflowExecution(id, 'plain'));
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await asked('env-paged', { pageSize: 2, pageToken });
      seen.push(...page.executions.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual([...ids].reverse());
    expect((await refusal(asked('env-paged', { pageToken: 'bm8' }))).kind).toBe('invalid-argument');
  });

  it('names the instances that refer to it, with the version they pin, which has to be there', async () => {
    farSide.environments.add(`${ORG}/pinned`).add(`${ORG}/pinned@v3`);
    await replica.client(AgentCommandController, 'gateway').apply(agent('helper'));
    const instances = replica.client(AgentInstanceCommandController, 'gateway');
    await instances.apply(agentInstance('pinning', 'helper', ['pinned@v3']));
    await instances.apply(agentInstance('following', 'helper', ['pinned']));
    const { instances: users } = await asked('env-pinned');
    expect(users.map(({ kind, slug, version }) => [kind, slug, version]).sort()).toEqual([
      ['AgentInstance', 'following', ''],
      ['AgentInstance', 'pinning', 'v3'],
    ]);
    const error = await refusal(instances.apply(agentInstance('pinning', 'helper', ['pinned@v4'])));
    expect(error).toMatchObject({
      kind: 'failed-precondition',
      violations: [{ field: 'spec.environment_refs[0]', description: 'Environment not found: pinned@v4' }],
    });
  });

  it('is asked from outside and by nobody within', async () => {
    const runner = replica.client(EnvironmentUsageController, 'workflow-runner');
    expect((await refusal(runner.usedBy({ environmentId: 'env-used' }))).kind).toBe('permission-denied');
  });
});
