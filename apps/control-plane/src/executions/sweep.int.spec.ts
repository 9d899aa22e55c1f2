import { unavailable } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { Client, Connection } from '@temporalio/client';
import type { Limits } from '../limits';
import { farSide, holdContext, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { workflow, workflowExecution } from '../testing/samples';
import { type Backing, eventually, FAST, type Replica, startBacking, startReplica } from '../testing/stack';
import { PHASE } from './execution-kind';

/** `CommandType.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION` of Temporal's API, whose package is not ours to import. */
const CANCEL_WORKFLOW = 7;

let backing: Backing;
let connection: Connection;
let temporal: Client;
let replicas: Replica[] = [];

beforeAll(async () => {
  backing = await startBacking();
  connection = await Connection.connect({ address: backing.temporalAddress });
  temporal = new Client({ connection });
}, 60_000);
afterAll(async () => {
  await connection.close();
  await backing.stop();
});
beforeEach(resetFarSide);
afterEach(async () => {
  backing.wires.temporal.mend();
  await Promise.all(replicas.map((replica) => replica.close()));
  replicas = [];
});

interface Plane {
  readonly commands: GrpcClient<typeof WorkflowExecutionCommandController>;
  readonly runner: GrpcClient<typeof WorkflowExecutionCommandController>;
  readonly phase: (id: string) => Promise<number | undefined>;
  readonly error: (id: string) => Promise<string | undefined>;
  readonly log: () => string;
}

async function plane(limits: Partial<Limits> = {}): Promise<Plane> {
  const replica = await startReplica(backing, { ...FAST, ...limits });
  replicas.push(replica);
  const commands = replica.client(WorkflowExecutionCommandController, 'gateway');
  const queries = replica.client(WorkflowExecutionQueryController, 'gateway');
  await replica.client(WorkflowCommandController, 'gateway').apply(workflow('swept'));
  const status = async (id: string) => (await queries.get({ value: id })).status;
  return {
    commands,
    runner: replica.client(WorkflowExecutionCommandController, 'workflow-runner'),
    phase: async (id) => (await status(id))?.phase,
    error: async (id) => (await status(id))?.error,
    log: () => replica.log(),
  };
}

let count = 0;
const nextId = () => `wex-sweep-${++count}`;
const run = (id: string) => workflowExecution(id, 'swept');
const settled = (phase: number) => (value: number | undefined) => value === phase;

describe('what a crash leaves behind is settled', () => {
  it('an execution without a context: FAILED "start was interrupted"', async () => {
    const { commands, phase, error } = await plane();
    const id = nextId();
    farSide.before.prepare = () => {
      throw unavailable('gone in this moment');
    };
    expect((await refusal(commands.create(run(id)))).kind).toBe('unavailable');
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toBe('start was interrupted');
  });

  it('an execution whose context was made and whose maker did not hear of it: both are settled', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    let made = false;
    farSide.afterPrepare = () => {
      made ||= farSide.contexts.has(id);
      throw unavailable('the answer is lost');
    };
    await refusal(commands.create(run(id)));
    // Asked afterwards it may be gone: on a busy machine the sweep comes before the caller's last try is over.
    expect(made).toBe(true);
    await eventually(() => phase(id), settled(PHASE.failed));
    // The caller's last try may come after the sweep: then its context is the next thing that is settled.
    await eventually(
      () => farSide.contexts.has(id),
      (held) => !held,
    );
  });

  it('a context without a workflow: destroyed and FAILED, only after a second look', async () => {
    const { commands, phase, error } = await plane({ sweepIntervalMs: 800 });
    const id = nextId();
    const begun = Date.now();
    let made = false;
    farSide.afterPrepare = () => {
      made ||= farSide.contexts.has(id);
      backing.wires.temporal.cut();
    };
    await refusal(commands.create(run(id)));
    farSide.afterPrepare = undefined;
    backing.wires.temporal.mend();
    expect(made).toBe(true);
    await eventually(() => phase(id), settled(PHASE.failed));
    // The grace of the start, then the interval between two looks.
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1_800);
    expect(await error(id)).toBe('start was interrupted');
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('a workflow whose start was never confirmed is found running and left alone', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    farSide.afterPrepare = () => {
      backing.wires.temporal.cut();
    };
    await refusal(commands.create(run(id)));
    farSide.afterPrepare = undefined;
    await temporal.workflow.start('runWorkflow', {
      taskQueue: 'stigmer-workflows',
      workflowId: id,
      args: [id],
    });
    backing.wires.temporal.mend();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await phase(id)).toBe(PHASE.pending);
    expect(farSide.contexts.has(id)).toBe(true);
  });

  it('closed on Temporal by termination, open here: context destroyed, FAILED', async () => {
    const { commands, phase, error } = await plane();
    const id = nextId();
    await commands.create(run(id));
    await temporal.workflow.getHandle(id).terminate('by hand');
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toContain('terminated');
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('closed on Temporal by its time limit, open here: context destroyed, FAILED', async () => {
    const { commands, phase, error } = await plane();
    const id = nextId();
    const options = {
      taskQueue: 'nobody',
      workflowId: id,
      args: [id],
      workflowExecutionTimeout: '1s',
    } as const;
    await temporal.workflow.start('runWorkflow', options);
    await commands.create(run(id));
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toContain('timed out');
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('closed on Temporal by cancellation, open here: context destroyed, CANCELLED', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    await temporal.workflow.start('runWorkflow', { taskQueue: 'cancelling', workflowId: id, args: [id] });
    await commands.create(run(id));
    await commands.cancel({ value: id });
    const { taskToken } = await connection.withDeadline(Date.now() + 10_000, () =>
      connection.workflowService.pollWorkflowTaskQueue({
        namespace: 'default',
        taskQueue: { name: 'cancelling' },
      }),
    );
    await connection.workflowService.respondWorkflowTaskCompleted({
      namespace: 'default',
      taskToken,
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its enum cannot be imported
      commands: [{ commandType: CANCEL_WORKFLOW, cancelWorkflowExecutionCommandAttributes: {} }],
    });
    await eventually(() => phase(id), settled(PHASE.cancelled));
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('a context without an execution, or of one that has ended: destroyed; a young one is left alone', async () => {
    const { commands, phase, runner } = await plane();
    const [ended, running] = [nextId(), nextId()];
    await commands.create(run(running));
    await commands.create(run(ended));
    await runner.updateStatus({ executionId: ended, status: { phase: PHASE.completed } as never });
    holdContext('of-nobody', new Date(Date.now() - 60_000));
    holdContext('young', new Date(Date.now() + 60_000));
    await eventually(
      () => [...farSide.contexts.keys()].toSorted(),
      (ids) => ids.length === 2,
    );
    expect([...farSide.contexts.keys()].toSorted()).toEqual([running, 'young'].toSorted());
    expect(await phase(ended)).toBe(PHASE.completed);
  });

  it('a destroy that fails leaves the execution open until it succeeds', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    await commands.create(run(id));
    farSide.before.destroy = () => {
      throw unavailable('down');
    };
    await temporal.workflow.getHandle(id).terminate();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await phase(id)).toBe(PHASE.pending);
    farSide.before = {};
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(farSide.contexts.has(id)).toBe(false);
  });
});

describe('the sweep', () => {
  it('leaves running runs alone, and settles nothing while Temporal is down', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    await commands.create(run(id));
    backing.wires.temporal.cut();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await phase(id)).toBe(PHASE.pending);
    expect(farSide.contexts.has(id)).toBe(true);
    backing.wires.temporal.mend();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await phase(id)).toBe(PHASE.pending);
  });

  it('settles each execution once, however many replicas sweep', async () => {
    // A lease that a busy machine does not outlast: a row that is still being settled is nobody else's.
    const unhurried = { sweepIntervalMs: 3_000 };
    const planes = [await plane(unhurried), await plane(unhurried), await plane(unhurried)];
    const ids = Array.from({ length: 12 }, nextId);
    const [first] = planes;
    for (const id of ids) await first?.commands.create(run(id));
    await Promise.all(ids.map((id) => temporal.workflow.getHandle(id).terminate()));
    for (const id of ids) await eventually(async () => first?.phase(id), settled(PHASE.failed));
    const endings = planes
      .flatMap(({ log }) => log().split('\n'))
      .filter((line) => line.includes('has ended an execution'));
    expect(endings.map((line) => (JSON.parse(line) as { execution: string }).execution).toSorted()).toEqual(
      ids.toSorted(),
    );
  });

  it('renews the context of a run that Temporal says is open, and of no other', async () => {
    const { commands, runner } = await plane({ leaseMs: 10_000, renewAfterMs: 500 });
    const [open, ended] = [nextId(), nextId()];
    await commands.create(run(open));
    await commands.create(run(ended));
    await runner.updateStatus({ executionId: ended, status: { phase: PHASE.completed } as never });
    const before = farSide.contexts.get(open)?.expiresAt.getTime() ?? 0;
    await eventually(
      () => farSide.contexts.get(open)?.expiresAt.getTime() ?? 0,
      (time) => time > before,
    );
    expect(new Set(farSide.renewed)).toEqual(new Set([open]));
  });

  it('fails a run with "context expired" at the end of what a context may live', async () => {
    const { commands, phase, error } = await plane({ contextMaxLifetimeMs: 2_000, leaseMs: 60_000 });
    const id = nextId();
    await commands.create(run(id));
    const lifetime = (farSide.contexts.get(id)?.expiresAt.getTime() ?? 0) - Date.now();
    expect(lifetime).toBeLessThanOrEqual(2_000);
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toContain('context expired');
    expect(farSide.contexts.has(id)).toBe(false);
    expect((await temporal.workflow.getHandle(id).describe()).status.name).toBe('TERMINATED');
  });
});
