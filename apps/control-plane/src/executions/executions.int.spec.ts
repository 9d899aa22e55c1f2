import { create } from '@bufbuild/protobuf';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { ExecutionPhase, MessageType, ToolCallStatus } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import {
  type WorkflowExecution,
  WorkflowExecutionSchema,
} from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { ExecutionPhase as WorkflowPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { API_VERSION } from '../resources/api-version';
import { farSide, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { CANARY, nextId, secretRun, startRunPlane, type RunPlane } from '../testing/run-plane';
import { agent, agentInstance, ORG, workflow, workflowExecution } from '../testing/samples';
import { eventually, FAST, startReplica } from '../testing/stack';
import type { Execution } from './execution-kind';

let plane: RunPlane;
let backing: RunPlane['backing'];
let replica: RunPlane['replica'];
let temporal: RunPlane['temporal'];
let commands: RunPlane['commands'];
let impatient: RunPlane['impatient'];
let queries: RunPlane['queries'];

beforeAll(async () => {
  plane = await startRunPlane();
  ({ backing, replica, temporal, commands, impatient, queries } = plane);
});
afterAll(() => plane.close());
beforeEach(resetFarSide);

const runner = () => replica.client(WorkflowExecutionCommandController, 'workflow-runner');
const phaseOf = (execution: Execution) => execution.status?.phase;

async function firstOf<T>(stream: AsyncIterable<T>, amount: number): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    items.push(item);
    if (items.length === amount) break;
  }
  return items;
}

describe("an agent's execution", () => {
  const agentExecution = (id: string, spec: object) =>
    ({
      apiVersion: API_VERSION,
      kind: 'AgentExecution',
      metadata: { id, org: ORG },
      spec: { message: 'Hello', ...spec },
    }) as never;

  it('makes a session with the default instance where the request names only the agent, one for a retry too', async () => {
    const { status, metadata } = await replica
      .client(AgentCommandController, 'gateway')
      .apply(agent('greeter'));
    const executions = replica.client(AgentExecutionCommandController, 'gateway');
    const created = await executions.create(agentExecution('aex-one', { agentId: 'agt-greeter' }));
    await executions.create(agentExecution('aex-one', { agentId: 'agt-greeter' }));
    const sessions = replica.client(SessionQueryController, 'gateway');
    const { entries } = await sessions.listByAgent({ agentId: metadata?.id });
    expect(entries.map((entry) => [entry.metadata?.id, entry.spec?.agentInstanceId])).toEqual([
      [created.spec?.sessionId, status?.defaultInstanceId],
    ]);
    const { type, taskQueue } = await temporal.workflow.getHandle('aex-one').describe();
    expect({ type, taskQueue }).toEqual({ type: 'runAgent', taskQueue: 'stigmer-agents' });
  });

  it('runs the instance of the session it names, with its environments, and is listed by it', async () => {
    farSide.environments.add(`${ORG}/prod`);
    await replica.client(AgentCommandController, 'gateway').apply(agent('bound-agent'));
    const instance = await replica
      .client(AgentInstanceCommandController, 'gateway')
      .apply(agentInstance('bound-prod', 'bound-agent', ['prod']));
    const executions = replica.client(AgentExecutionCommandController, 'gateway');
    const first = await executions.create(agentExecution('aex-two', { agentId: 'bound-agent' }));
    const { SessionCommandController } = await import('@stigmer/proto/agentic/session/v1/command');
    const session = await replica.client(SessionCommandController, 'gateway').create({
      apiVersion: API_VERSION,
      kind: 'Session',
      metadata: { name: 'with prod', org: ORG, ownerScope: ApiResourceOwnerScope.organization },
      spec: { agentInstanceId: instance.metadata?.id },
    });
    const second = await executions.create(agentExecution('aex-three', { sessionId: session.metadata?.id }));
    expect(second.spec?.agentId).toBe(first.spec?.agentId);
    expect(farSide.prepared.at(-1)?.environmentRefs.map(({ slug }) => slug)).toEqual(['prod']);
    const listed = await replica
      .client(AgentExecutionQueryController, 'gateway')
      .listBySession({ sessionId: session.metadata?.id });
    expect(listed.entries.map(({ metadata }) => metadata?.id)).toEqual(['aex-three']);
  });

  it('merges what its runner reports: messages that are not shorter, tool calls by id', async () => {
    await replica.client(AgentCommandController, 'gateway').apply(agent('reporter'));
    await replica
      .client(AgentExecutionCommandController, 'gateway')
      .create(agentExecution('aex-four', { agentId: 'reporter' }));
    const runner = replica.client(AgentExecutionCommandController, 'workflow-runner');
    const report = (status: object) =>
      runner.updateStatus({ executionId: 'aex-four', status: status as never });
    const said = (content: string) => ({ type: MessageType.MESSAGE_AI, content });
    await report({
      phase: ExecutionPhase.EXECUTION_IN_PROGRESS,
      messages: [said('one'), said('two')],
      toolCalls: [{ id: 't1', name: 'a' }],
    });
    const merged = await report({
      messages: [said('late')],
      toolCalls: [
        { id: 't2', name: 'b' },
        { id: 't1', name: 'a', status: ToolCallStatus.TOOL_CALL_COMPLETED },
      ],
    });
    expect(merged.status?.messages.map(({ content }) => content)).toEqual(['one', 'two']);
    expect(merged.status?.toolCalls.map(({ id, status }) => [id, status])).toEqual([
      ['t1', 3],
      ['t2', 0],
    ]);
    expect(phaseOf(merged)).toBe(ExecutionPhase.EXECUTION_IN_PROGRESS);
  });
});

describe('a status', () => {
  const report = (executionId: string, status: object) =>
    runner().updateStatus({ executionId, status: status as never });

  it('merges tasks by their id, and no phase goes back', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    await report(id, { phase: 2, tasks: [{ taskId: 'a', status: 2 }] });
    const merged = await report(id, { phase: 1, tasks: [{ taskId: 'b' }, { taskId: 'a', status: 3 }] });
    expect(merged.status?.phase).toBe(2);
    expect(merged.status?.tasks.map(({ taskId, status }) => [taskId, status])).toEqual([
      ['a', 3],
      ['b', 0],
    ]);
  });

  it('is the runner’s to write: from the gateway it is PERMISSION_DENIED, for both kinds', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    const change = { executionId: id, status: { phase: 3 } as never };
    expect((await refusal(commands.updateStatus(change))).kind).toBe('permission-denied');
    const agents = replica.client(AgentExecutionCommandController, 'gateway');
    expect((await refusal(agents.updateStatus(change))).kind).toBe('permission-denied');
    expect(phaseOf(await queries.get({ value: id }))).toBe(1);
  });

  it('is final at its end: what comes later is ignored', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    const ended = await report(id, { phase: 4, error: 'it broke' });
    expect(ended.status?.completedAt).not.toBe('');
    expect(await report(id, { phase: 3, error: '', tasks: [{ taskId: 'late' }] })).toEqual(ended);
  });

  it('has at most 4 MiB', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    const error = await refusal(report(id, { error: 'x'.repeat(4 * 1024 * 1024 + 1) }));
    expect(error.kind).toBe('resource-exhausted');
  });

  it('loses no write of many at once', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => report(id, { tasks: [{ taskId: `t${index}` }] })),
    );
    expect((await queries.get({ value: id })).status?.tasks).toHaveLength(8);
  });
});

describe('an execution', () => {
  it('keeps its spec; its labels and tags can change', async () => {
    const id = nextId();
    const created = await commands.create(secretRun(id));
    const { metadata, spec } = created;
    const labelled = create(WorkflowExecutionSchema, {
      apiVersion: API_VERSION,
      kind: 'WorkflowExecution',
      metadata: { id, ownerScope: metadata?.ownerScope, labels: { team: 'blue' }, tags: ['nightly'] },
      ...(spec === undefined ? {} : { spec }),
    });
    const updated = await commands.update(labelled);
    expect(updated.metadata).toMatchObject({ labels: { team: 'blue' }, tags: ['nightly'], org: ORG });
    expect((await queries.list({ tags: ['nightly'] })).entries.map((entry) => entry.metadata?.id)).toEqual([
      id,
    ]);
    const changed = { ...workflowExecution(id, 'deploy', { triggerMessage: 'changed' }) } as never;
    expect((await refusal(commands.update(changed))).violations[0]?.field).toBe('spec');
  });

  it('is listed in pages, newest first, by phase and by workflow', async () => {
    const flow = await replica.client(WorkflowCommandController, 'gateway').apply(workflow('listed-flow'));
    const ids = [nextId(), nextId(), nextId()];
    for (const id of ids) await commands.create(workflowExecution(id, 'listed-flow'));
    const workflowId = flow.metadata?.id;
    const first = await queries.listByWorkflow({ workflowId, pageSize: 2 });
    const second = await queries.listByWorkflow({ workflowId, pageSize: 2, pageToken: '2' });
    expect(first.totalPages).toBe(2);
    expect([...first.entries, ...second.entries].map(({ metadata }) => metadata?.id)).toEqual(
      ids.toReversed(),
    );
    expect((await refusal(queries.listByWorkflow({ workflowId, pageToken: 'x' }))).kind).toBe(
      'invalid-argument',
    );
    await runner().updateStatus({ executionId: ids[0], status: { phase: 3 } as never });
    const completed = await queries.list({ phase: WorkflowPhase.EXECUTION_COMPLETED, pageSize: 200 });
    expect(completed.entries.every((entry) => phaseOf(entry) === 3)).toBe(true);
    expect(completed.entries.map(({ metadata }) => metadata?.id)).toContain(ids[0]);
  });

  it('is listed without the bulk of its status where the page would outgrow a message', async () => {
    const flow = await replica.client(WorkflowCommandController, 'gateway').apply(workflow('bulky-flow'));
    const ids = Array.from({ length: 5 }, nextId);
    const output = { text: 'x'.repeat(3 * 1024 * 1024) };
    for (const id of ids) {
      await commands.create(workflowExecution(id, 'bulky-flow'));
      const task = { taskId: 't', taskName: 'big', status: 3, output };
      await runner().updateStatus({ executionId: id, status: { phase: 3, tasks: [task] } as never });
    }
    const { entries } = await queries.listByWorkflow({ workflowId: flow.metadata?.id });
    expect(entries.map(({ metadata }) => metadata?.id)).toEqual(ids.toReversed());
    const full = entries.map(({ status }) => status?.tasks[0]?.output !== undefined);
    expect(full).toEqual([true, true, false, false, false]);
    expect(entries.map(({ status }) => [status?.phase, status?.tasks[0]?.taskName])).toEqual(
      ids.map(() => [3, 'big']),
    );
  });

  it('keeps its workflow from being deleted while it runs', async () => {
    const flow = await replica.client(WorkflowCommandController, 'gateway').apply(workflow('busy-flow'));
    const id = nextId();
    await commands.create(workflowExecution(id, 'busy-flow'));
    const workflows = replica.client(WorkflowCommandController, 'gateway');
    expect((await refusal(workflows.delete({ value: flow.metadata?.id }))).message).toContain(id);
    await runner().updateStatus({ executionId: id, status: { phase: 3 } as never });
    await workflows.delete({ value: flow.metadata?.id });
  });

  it('is cancelled through Temporal, and cancelling it again is nothing new', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    await commands.cancel({ value: id });
    const history = await temporal.workflow.getHandle(id).fetchHistory();
    expect(
      history.events?.some(
        ({ workflowExecutionCancelRequestedEventAttributes }) =>
          workflowExecutionCancelRequestedEventAttributes,
      ),
    ).toBe(true);
    await commands.cancel({ value: id });
    await runner().updateStatus({ executionId: id, status: { phase: 5 } as never });
    expect(phaseOf(await commands.cancel({ value: id }))).toBe(5);
  });

  it('that has ended stays so when it is cancelled, and what Temporal still runs of it is asked to end', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    await runner().updateStatus({ executionId: id, status: { phase: 3 } as never });
    expect(phaseOf(await commands.cancel({ value: id }))).toBe(3);
    const history = await temporal.workflow.getHandle(id).fetchHistory();
    expect(
      history.events?.some(
        ({ workflowExecutionCancelRequestedEventAttributes }) =>
          workflowExecutionCancelRequestedEventAttributes,
      ),
    ).toBe(true);
    await temporal.workflow.getHandle(id).terminate();
    expect(phaseOf(await commands.cancel({ value: id }))).toBe(3);
  });

  it('is logged by its ids when a caller creates, cancels and deletes it', async () => {
    const id = nextId();
    await commands.create(secretRun(id));
    await commands.create(secretRun(id));
    await commands.cancel({ value: id });
    await commands.delete({ value: id });
    const lines = replica
      .log()
      .split('\n')
      .filter((line) => line.includes(`"${id}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ msg, actor, org }) => [msg, actor, org])).toEqual([
      ['execution created', 'local', ORG],
      ['cancellation of an execution requested', 'local', ORG],
      ['execution deleted', 'local', ORG],
    ]);
    expect(replica.log()).not.toContain(CANARY);
  });

  it('that has no workflow is cancelled at once, with its context', async () => {
    const id = nextId();
    farSide.afterPrepare = () => {
      backing.wires.temporal.cut();
    };
    await refusal(impatient.create(secretRun(id)));
    farSide.afterPrepare = undefined;
    await plane.mendTemporal();
    expect(phaseOf(await commands.cancel({ value: id }))).toBe(5);
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('is not cancelled while Temporal is down: UNAVAILABLE, and nothing has changed', async () => {
    const id = nextId();
    await commands.create(secretRun(id));
    backing.wires.temporal.cut();
    expect((await refusal(impatient.cancel({ value: id }))).kind).toBe('unavailable');
    expect((await refusal(impatient.delete({ value: id }))).kind).toBe('unavailable');
    expect(farSide.contexts.has(id)).toBe(true);
    expect(phaseOf(await queries.get({ value: id }))).toBe(1);
    await plane.mendTemporal();
  });

  it('is cancelled before it is deleted, and leaves no context', async () => {
    const id = nextId();
    await commands.create(secretRun(id));
    await commands.delete({ value: id });
    expect((await refusal(queries.get({ value: id }))).kind).toBe('not-found');
    expect(farSide.contexts.has(id)).toBe(false);
    const history = await temporal.workflow.getHandle(id).fetchHistory();
    expect(
      history.events?.some(
        ({ workflowExecutionCancelRequestedEventAttributes }) =>
          workflowExecutionCancelRequestedEventAttributes,
      ),
    ).toBe(true);
  });
});

describe('a subscription', () => {
  const report = (executionId: string | undefined, phase: number) =>
    runner().updateStatus({ executionId, status: { phase } as never });

  it('sends the execution as it is, then each change, and closes after the end', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    const phases: (number | undefined)[] = [];
    for await (const execution of queries.subscribe({ executionId: id }, { deadlineMs: 60_000 })) {
      expect(execution.status).toBeDefined();
      phases.push(phaseOf(execution));
      if (phases.length < 3) await report(id, phases.length + 1);
    }
    expect(phases).toEqual([1, 2, 3]);
  });

  it('of an ended execution answers once and closes', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    await report(id, 3);
    expect(await firstOf(queries.subscribe({ executionId: id }, { deadlineMs: 60_000 }), 9)).toHaveLength(1);
  });

  it('hears of a change on another replica over Redis, sooner than it would look', async () => {
    const slow = await startReplica(backing, { ...FAST, sweepIntervalMs: 3_600_000, rereadMs: 3_600_000 });
    try {
      const id = nextId();
      await commands.create(workflowExecution(id, 'plain'));
      const other = slow.client(WorkflowExecutionQueryController, 'gateway');
      const seen: WorkflowExecution[] = [];
      const done = (async () => {
        for await (const execution of other.subscribe({ executionId: id }, { deadlineMs: 60_000 }))
          seen.push(execution);
      })();
      await eventually(
        () => seen.length,
        (length) => length === 1,
      );
      await report(id, 3);
      await done;
      expect(seen.map(phaseOf)).toEqual([1, 3]);
    } finally {
      await slow.close();
    }
  });

  it('misses nothing while Redis is down: a lost hint costs time, not truth', async () => {
    backing.wires.redis.cut();
    const other = await startReplica(backing, { ...FAST, sweepIntervalMs: 3_600_000 });
    try {
      const id = nextId();
      await commands.create(workflowExecution(id, 'plain'));
      const stream = other
        .client(WorkflowExecutionQueryController, 'gateway')
        .subscribe({ executionId: id }, { deadlineMs: 60_000 });
      const phases: (number | undefined)[] = [];
      for await (const execution of stream) {
        phases.push(phaseOf(execution));
        if (phases.length === 1) await report(id, 4);
      }
      expect(phases).toEqual([1, 4]);
    } finally {
      backing.wires.redis.mend();
      await other.close();
    }
  });

  it('of what does not exist is NOT_FOUND', async () => {
    expect(
      (await refusal(firstOf(queries.subscribe({ executionId: 'none' }, { deadlineMs: 60_000 }), 1))).kind,
    ).toBe('not-found');
  });
});
