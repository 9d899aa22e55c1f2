import { unavailable } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { Client, Connection } from '@temporalio/client';
import { type Connection as Database, createConnection } from 'mongoose';
import type { Limits } from '../limits';
import { farSide, holdContext, resetFarSide } from '../testing/far-sides';
import { refusal } from '../testing/refusal';
import { workflow, workflowExecution } from '../testing/samples';
import {
  type Backing,
  eventually,
  FAST,
  IMPATIENT,
  type Replica,
  startBacking,
  startReplica,
} from '../testing/stack';
import { PHASE } from './execution-kind';
import type { ExecutionRow } from './execution-row';

/** `CommandType.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION` of Temporal's API, whose package is not ours to import. */
const CANCEL_WORKFLOW = 7;
const HOUR = 3_600_000;

let backing: Backing;
let connection: Connection;
let temporal: Client;
let database: Database;
let replicas: Replica[] = [];

beforeAll(async () => {
  backing = await startBacking();
  connection = await Connection.connect({ address: backing.temporalAddress });
  temporal = new Client({ connection });
  database = await createConnection(backing.mongoUrl, { dbName: 'stigmer_control' }).asPromise();
});
afterAll(async () => {
  await database.close();
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
  readonly endedAt: (id: string) => Promise<number>;
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
    endedAt: async (id) => Date.parse((await status(id))?.completedAt ?? ''),
    log: () => replica.log(),
  };
}

let count = 0;
const nextId = () => `wex-sweep-${++count}`;
const run = (id: string) => workflowExecution(id, 'swept');
const settled = (phase: number) => (value: number | undefined) => value === phase;

/** The executions as they lie in the database, past our stores. */
const rows = () => database.collection<ExecutionRow>('executions');
const rowOf = async (id: string): Promise<ExecutionRow> => {
  const row = await rows().findOne({ _id: id });
  if (row === null) throw new Error(`${id} is not stored`);
  return row;
};
/** As if the grace of its start were over: the next round looks at it. */
const overdue = async (id: string): Promise<void> => {
  await rows().updateOne({ _id: id }, { $set: { checkAt: new Date(0) } });
};
/** Waits for rounds that came to nothing. */
const roundsCutShort = ({ log }: Pick<Plane, 'log'>, wanted: number): Promise<unknown> => {
  const seen = () => log().split('the sweep was cut short').length - 1;
  const before = seen();
  return eventually(seen, (now) => now >= before + wanted);
};

describe('what a crash leaves behind is settled', () => {
  it('an execution without a context: FAILED "start was interrupted"', async () => {
    const { commands, phase, error } = await plane();
    const id = nextId();
    farSide.before.prepare = () => {
      throw unavailable('gone in this moment');
    };
    expect((await refusal(commands.create(run(id)))).kind).toBe('unavailable');
    await overdue(id);
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toBe('start was interrupted');
  });

  it('a start that is still under way is left alone until its grace is over', async () => {
    const { commands } = await plane();
    const id = nextId();
    await commands.create(run(id));
    const { createdAt, checkAt } = await rowOf(id);
    expect(checkAt.getTime()).toBe(createdAt.getTime() + (FAST.startGraceMs ?? 0));
  });

  it('an execution whose context was made and whose maker did not hear of it: both are settled', async () => {
    const { commands, phase } = await plane();
    const id = nextId();
    farSide.afterPrepare = () => {
      throw unavailable('the answer is lost');
    };
    await refusal(commands.create(run(id)));
    expect(farSide.contexts.has(id)).toBe(true);
    await overdue(id);
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('a context without a workflow: destroyed and FAILED, only after a second look', async () => {
    const sweepIntervalMs = 800;
    const { commands, phase, error, endedAt } = await plane({ ...IMPATIENT, sweepIntervalMs });
    const id = nextId();
    farSide.afterPrepare = () => {
      backing.wires.temporal.cut();
    };
    await refusal(commands.create(run(id)));
    farSide.afterPrepare = undefined;
    backing.wires.temporal.mend();
    expect(farSide.contexts.has(id)).toBe(true);
    await overdue(id);
    await eventually(() => phase(id), settled(PHASE.failed));
    // The first look noted when it was; the second one comes an interval later.
    const { missingSince } = await rowOf(id);
    expect(missingSince?.getTime()).toBeLessThanOrEqual((await endedAt(id)) - sweepIntervalMs);
    expect(await error(id)).toBe('start was interrupted');
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('a workflow whose start was never confirmed is found running and left alone', async () => {
    const { commands, phase } = await plane({ ...IMPATIENT, renewAfterMs: 1 });
    const id = nextId();
    farSide.afterPrepare = () => {
      backing.wires.temporal.cut();
    };
    await refusal(commands.create(run(id)));
    farSide.afterPrepare = undefined;
    expect((await rowOf(id)).step).toBe('prepared');
    await temporal.workflow.start('runWorkflow', {
      taskQueue: 'stigmer-workflows',
      workflowId: id,
      args: [id],
    });
    backing.wires.temporal.mend();
    await overdue(id);
    // Each look at an open run renews its context here: the second renewal comes after the first look is over.
    await eventually(
      () => farSide.renewed.filter((renewed) => renewed === id).length,
      (looks) => looks >= 2,
    );
    expect((await rowOf(id)).step).toBe('started');
    expect(await phase(id)).toBe(PHASE.pending);
    expect(farSide.contexts.has(id)).toBe(true);
  });

  it('closed on Temporal by termination, open here: context destroyed, FAILED', async () => {
    const { commands, phase, error } = await plane();
    const id = nextId();
    await commands.create(run(id));
    await temporal.workflow.getHandle(id).terminate('by hand');
    await overdue(id);
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
    await overdue(id);
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
    const { taskToken } = await connection.withDeadline(Date.now() + 60_000, () =>
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
    await overdue(id);
    await eventually(() => phase(id), settled(PHASE.cancelled));
    expect(farSide.contexts.has(id)).toBe(false);
  });

  it('a context without an execution, or of one that has ended: destroyed; a young one is left alone', async () => {
    const { commands, phase, runner } = await plane();
    const [ended, running] = [nextId(), nextId()];
    await commands.create(run(running));
    await commands.create(run(ended));
    await runner.updateStatus({ executionId: ended, status: { phase: PHASE.completed } as never });
    holdContext(ended, new Date(Date.now() - HOUR));
    holdContext('of-nobody', new Date(Date.now() - HOUR));
    holdContext('young', new Date(Date.now() + HOUR));
    await eventually(
      () => [...farSide.contexts.keys()].toSorted(),
      (ids) => ids.length === 2,
    );
    expect([...farSide.contexts.keys()].toSorted()).toEqual([running, 'young'].toSorted());
    expect(await phase(ended)).toBe(PHASE.completed);
  });

  it('a destroy that fails leaves the execution open until it succeeds', async () => {
    const { commands, phase, log } = await plane();
    const id = nextId();
    await commands.create(run(id));
    farSide.before.destroy = () => {
      throw unavailable('down');
    };
    await temporal.workflow.getHandle(id).terminate();
    await overdue(id);
    await roundsCutShort({ log }, 2);
    expect(await phase(id)).toBe(PHASE.pending);
    farSide.before = {};
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(farSide.contexts.has(id)).toBe(false);
  });
});

describe('the sweep', () => {
  it('leaves running runs alone, and settles nothing while Temporal is down', async () => {
    const { commands, phase, log } = await plane({ ...IMPATIENT, renewAfterMs: 1 });
    const id = nextId();
    await commands.create(run(id));
    await overdue(id);
    backing.wires.temporal.cut();
    await roundsCutShort({ log }, 2);
    expect(await phase(id)).toBe(PHASE.pending);
    expect(farSide.contexts.has(id)).toBe(true);
    backing.wires.temporal.mend();
    const before = farSide.renewed.length;
    await eventually(
      () => farSide.renewed.slice(before).filter((renewed) => renewed === id).length,
      (looks) => looks >= 2,
    );
    expect(await phase(id)).toBe(PHASE.pending);
  });

  it('settles each execution once, however many replicas sweep', async () => {
    // A lease that a busy machine does not outlast: a row that is still being settled is nobody else's.
    const unhurried = { sweepIntervalMs: 6_000 };
    const planes = [await plane(unhurried), await plane(unhurried), await plane(unhurried)];
    const ids = Array.from({ length: 12 }, nextId);
    const [first] = planes;
    for (const id of ids) await first?.commands.create(run(id));
    await Promise.all(ids.map((id) => temporal.workflow.getHandle(id).terminate()));
    await rows().updateMany({ _id: { $in: ids } }, { $set: { checkAt: new Date(0) } });
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
    for (const id of [open, ended]) await overdue(id);
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
    await overdue(id);
    await eventually(() => phase(id), settled(PHASE.failed));
    expect(await error(id)).toContain('context expired');
    expect(farSide.contexts.has(id)).toBe(false);
    expect((await temporal.workflow.getHandle(id).describe()).status.name).toBe('TERMINATED');
  });
});
