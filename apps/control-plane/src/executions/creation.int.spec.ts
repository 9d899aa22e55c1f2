import { failedPrecondition, REDACTED, unavailable } from '@stigmer/domain';
import { ExecutionPhase } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { ExecutionSnapshots } from '@stigmer/proto/internal/v1/execution_snapshots';
import { createConnection } from 'mongoose';
import { farSide, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { CANARY, nextId, secretRun, startRunPlane, type RunPlane } from '../testing/run-plane';
import { workflow, workflowExecution } from '../testing/samples';
import { FAST, startReplica } from '../testing/stack';
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

const phaseOf = (execution: Execution) => execution.status?.phase;

describe('creating an execution', () => {
  it('stores it as PENDING, makes its context and starts its workflow, which knows only its id', async () => {
    const id = nextId();
    const created = await commands.create(secretRun(id));
    expect(phaseOf(created)).toBe(ExecutionPhase.EXECUTION_PENDING);
    expect(created.spec?.workflowId).toMatch(/^wfl-/);
    expect(created.status?.temporalWorkflowId).toBe(id);
    expect(farSide.contexts.get(id)?.values.get('TOKEN')).toBe(CANARY);
    const handle = temporal.workflow.getHandle(id);
    const { type, taskQueue, status } = await handle.describe();
    expect({ type, taskQueue, status: status.name }).toEqual({
      type: 'runWorkflow',
      taskQueue: 'stigmer-workflows',
      status: 'RUNNING',
    });
    const history = await handle.fetchHistory();
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(started?.input?.payloads?.map(({ data }) => Buffer.from(data ?? []).toString())).toEqual([
      JSON.stringify(id),
    ]);
  });

  it('keeps no value of a key that is secret in the merged result, wherever it came in', async () => {
    const id = nextId();
    const created = await commands.create(
      workflowExecution(id, 'deploy', {
        runtimeEnv: {
          TOKEN: { value: CANARY },
          OTHER: { value: `${CANARY}-2`, isSecret: true },
          LEVEL: { value: 'debug' },
        },
        callbackToken: Buffer.from(CANARY),
      }),
    );
    expect(created.spec?.runtimeEnv).toMatchObject({
      TOKEN: { value: REDACTED, isSecret: true },
      OTHER: { value: REDACTED, isSecret: true },
      LEVEL: { value: 'debug', isSecret: false },
    });
    expect(created.spec?.callbackToken).toHaveLength(0);
    expect(
      farSide.explained
        .flatMap(({ runtimeEnv }) => Object.values(runtimeEnv).map(({ value }) => value))
        .join(''),
    ).toBe('');
    const database = await createConnection(backing.mongoUrl, { dbName: 'stigmer_control' }).asPromise();
    try {
      const raw = JSON.stringify(
        await database
          .collection('executions')
          .find({ _id: id as never })
          .toArray(),
      );
      const bytes = Buffer.concat(
        (
          await database
            .collection('executions')
            .find({ _id: id as never })
            .toArray()
        ).map(({ message, snapshot }) =>
          Buffer.concat([
            (message as { buffer: Uint8Array }).buffer,
            (snapshot as { buffer: Uint8Array }).buffer,
          ]),
        ),
      );
      expect(raw).not.toContain(CANARY);
      expect(bytes.includes('LEVEL')).toBe(true);
      expect(bytes.includes(CANARY)).toBe(false);
    } finally {
      await database.close();
    }
    expect(replica.log()).not.toContain(CANARY);
  });

  it('refuses a request that repeats the value of its secret in another field, and writes nothing', async () => {
    const id = nextId();
    const { spec } = secretRun(id);
    const error = await refusal(
      commands.create(workflowExecution(id, 'deploy', { ...spec, triggerMessage: `use ${CANARY}` })),
    );
    expect(error.kind).toBe('invalid-argument');
    expect(error.message).toBe(
      'spec.trigger_message: contains the value of the secret TOKEN; name the variable instead',
    );
    expect((await refusal(queries.get({ value: id }))).kind).toBe('not-found');
    expect(farSide.prepared).toHaveLength(0);
    expect(replica.log()).not.toContain(CANARY);
  });

  it('answers all diagnostics at once and writes nothing', async () => {
    const data = { A: { isSecret: true }, B: {}, C: { value: 'given' } };
    await replica
      .client(WorkflowCommandController, 'gateway')
      .apply(workflow('demanding', { envSpec: { data } }));
    const id = nextId();
    const error = await refusal(commands.create(workflowExecution(id, 'demanding')));
    expect(error.kind).toBe('failed-precondition');
    expect(error.violations.map(({ field }) => field)).toEqual(['A', 'B']);
    expect((await refusal(queries.get({ value: id }))).kind).toBe('not-found');
    expect(farSide.prepared).toHaveLength(0);
  });

  it.each([
    ['an illegal name', { 'NOT-A-NAME': { value: 'x' } }],
    ['an oversized value', { BIG: { value: 'x'.repeat(65 * 1024) } }],
    ['the marker of a hidden value', { TOKEN: { value: REDACTED, isSecret: true } }],
  ])('refuses %s among the runtime values', async (_what, runtimeEnv) => {
    const error = await refusal(commands.create(workflowExecution(nextId(), 'deploy', { runtimeEnv })));
    expect(error.kind).toBe('invalid-argument');
    expect(error.violations[0]?.field).toContain('spec.runtime_env["');
    expect(farSide.explained).toHaveLength(0);
  });

  it('names what does not exist', async () => {
    expect((await refusal(commands.create(workflowExecution(nextId(), 'no-such')))).message).toBe(
      'Workflow not found: no-such',
    );
    const byInstance = workflowExecution(nextId(), '', { workflowInstanceId: 'no-such' });
    expect((await refusal(commands.create(byInstance))).message).toBe('WorkflowInstance not found: no-such');
    expect((await refusal(commands.create(workflowExecution(nextId(), '')))).kind).toBe('invalid-argument');
  });

  it('runs what was there when it was created: later edits do not reach it', async () => {
    const workflows = replica.client(WorkflowCommandController, 'gateway');
    await workflows.apply(workflow('edited', { description: 'before' }));
    const id = nextId();
    await commands.create(workflowExecution(id, 'edited'));
    await workflows.apply(workflow('edited', { description: 'after' }));
    const { run } = await replica.client(ExecutionSnapshots, 'workflow-runner').get({ executionId: id });
    expect(run.value).toMatchObject({
      workflow: { spec: { description: 'before' } },
      execution: { metadata: { id } },
    });
  });

  it('gives a snapshot to the runner alone', async () => {
    const snapshots = replica.client(ExecutionSnapshots, 'gateway');
    expect((await refusal(snapshots.get({ executionId: 'any' }))).kind).toBe('permission-denied');
  });
});

describe('the same request again', () => {
  it('gets the same execution, and nothing is started twice', async () => {
    const id = nextId();
    const first = await commands.create(secretRun(id));
    const again = await commands.create(secretRun(id));
    expect(again).toEqual(first);
    expect(farSide.contexts.size).toBe(1);
  });

  it('many at once make one execution', async () => {
    const id = nextId();
    const all = await Promise.all(Array.from({ length: 5 }, () => commands.create(secretRun(id))));
    expect(new Set(all.map(({ metadata }) => metadata?.id))).toEqual(new Set([id]));
    expect(farSide.contexts.size).toBe(1);
  });

  it('is ALREADY_EXISTS with another content, and from another caller', async () => {
    const id = nextId();
    await commands.create(workflowExecution(id, 'plain'));
    const other = workflowExecution(id, 'plain', { triggerMessage: 'other' });
    expect((await refusal(commands.create(other))).kind).toBe('already-exists');
    const runner = replica.client(WorkflowExecutionCommandController, 'workflow-runner');
    expect((await refusal(runner.create(workflowExecution(id, 'plain')))).kind).toBe('already-exists');
  });

  it('is ALREADY_EXISTS with another secret, whose value only the context knows', async () => {
    const id = nextId();
    await commands.create(secretRun(id));
    expect((await refusal(commands.create(secretRun(id, 'another')))).kind).toBe('already-exists');
    expect(farSide.contexts.get(id)?.values.get('TOKEN')).toBe(CANARY);
  });

  it('goes on where the first one stopped', async () => {
    const id = nextId();
    farSide.before.prepare = () => {
      throw unavailable('down');
    };
    expect((await refusal(commands.create(secretRun(id)))).kind).toBe('unavailable');
    farSide.before = {};
    expect(phaseOf(await commands.create(secretRun(id)))).toBe(ExecutionPhase.EXECUTION_PENDING);
    expect(farSide.contexts.has(id)).toBe(true);
    expect((await temporal.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
  });

  it('after the end gets the ended execution and makes no context', async () => {
    const id = nextId();
    await commands.create(secretRun(id));
    farSide.contexts.clear();
    const runner = replica.client(WorkflowExecutionCommandController, 'workflow-runner');
    await runner.updateStatus({
      executionId: id,
      status: { phase: ExecutionPhase.EXECUTION_COMPLETED } as never,
    });
    expect(phaseOf(await commands.create(secretRun(id)))).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(farSide.contexts.size).toBe(0);
  });
});

describe('a start that fails', () => {
  it('for certain in the resolver: FAILED with the reason, and no context', async () => {
    const id = nextId();
    farSide.before.prepare = () => {
      throw failedPrecondition('the environment has gone');
    };
    const failed = await commands.create(secretRun(id));
    expect(failed.status).toMatchObject({
      phase: ExecutionPhase.EXECUTION_FAILED,
      error: 'the environment has gone',
    });
    expect(farSide.contexts.size).toBe(0);
  });

  it('for certain in Temporal: FAILED with the reason, and the context is destroyed', async () => {
    const elsewhere = await startReplica(
      backing,
      { ...FAST, sweepIntervalMs: 3_600_000 },
      { STIGMER_TEMPORAL_NAMESPACE: 'no-such-namespace' },
    );
    try {
      const id = nextId();
      const failed = await elsewhere
        .client(WorkflowExecutionCommandController, 'gateway')
        .create(secretRun(id));
      expect(phaseOf(failed)).toBe(ExecutionPhase.EXECUTION_FAILED);
      expect(failed.status?.error).toBe('Temporal has no namespace no-such-namespace');
      expect(farSide.prepared).toHaveLength(1);
      expect(farSide.contexts.size).toBe(0);
    } finally {
      await elsewhere.close();
    }
  });

  it('with Temporal down: UNAVAILABLE, and nothing is written', async () => {
    const id = nextId();
    backing.wires.temporal.cut();
    expect((await refusal(impatient.create(secretRun(id)))).kind).toBe('unavailable');
    expect((await refusal(queries.get({ value: id }))).kind).toBe('not-found');
    expect(farSide.prepared).toHaveLength(0);
    await plane.mendTemporal();
  });

  it('with Temporal lost on the way: UNAVAILABLE, and nothing is deleted; the same request then succeeds', async () => {
    const id = nextId();
    farSide.afterPrepare = () => {
      backing.wires.temporal.cut();
    };
    expect((await refusal(impatient.create(secretRun(id)))).kind).toBe('unavailable');
    expect(farSide.contexts.has(id)).toBe(true);
    expect(phaseOf(await queries.get({ value: id }))).toBe(ExecutionPhase.EXECUTION_PENDING);
    farSide.afterPrepare = undefined;
    await plane.mendTemporal();
    await commands.create(secretRun(id));
    expect((await temporal.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
  });

  it('with the resolver down: UNAVAILABLE, and nothing is written', async () => {
    const id = nextId();
    farSide.before.explain = () => {
      throw unavailable('down');
    };
    expect((await refusal(commands.create(secretRun(id)))).kind).toBe('unavailable');
    expect((await refusal(queries.get({ value: id }))).kind).toBe('not-found');
  });
});
