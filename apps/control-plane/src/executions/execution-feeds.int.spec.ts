import { create, fromBinary } from '@bufbuild/protobuf';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { ExecutionSnapshotSchema } from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Encoded } from '@stigmer/proto';
import { createLogger } from '@stigmer/service';
import { Database } from '../database';
import { Limits } from '../limits';
import { eventually } from '../testing/stack';
import type { Execution, KindOfExecution } from './execution-kind';
import type { ExecutionRow } from './execution-row';
import { ExecutionFeeds } from './execution-feeds';
import { ExecutionStore } from './executions.store';
import { Hints } from './hints';

const KIND = { name: 'WorkflowExecution', schema: WorkflowExecutionSchema } as const;
const SUBSCRIBERS = 500;

/** The real store, and how often it was asked for what has changed. */
class CountedStore extends ExecutionStore {
  reads = 0;

  override changed<E extends Execution>(kind: KindOfExecution<E>, id: string, revision: number) {
    this.reads++;
    return super.changed(kind, id, revision);
  }
}

const log = createLogger('control-plane', 'silent');
let mongo: EmbeddedServer & { readonly url: string };
let database: Database;
let hints: Hints;
let store: CountedStore;
let feeds: ExecutionFeeds;
let count = 0;

beforeAll(async () => {
  mongo = await startMongo();
  database = await Database.connect(mongo.url, log);
  // Nobody listens there: these tests are about one process.
  hints = new Hints('redis://127.0.0.1:1', log);
  store = new CountedStore(database, hints);
  await database.onModuleInit();
});
afterAll(async () => {
  hints.onModuleDestroy();
  await database.onApplicationShutdown();
  await mongo.stop();
});
beforeEach(() => {
  store.reads = 0;
  feeds = new ExecutionFeeds(store, hints, new Limits({ rereadMs: 60_000 }));
});

async function newExecution(): Promise<string> {
  const id = `wex-feed-${++count}`;
  const row: ExecutionRow = {
    ...{ _id: id, kind: KIND.name, org: 'acme', template: 'wfl-1', instance: 'wfi-1', tags: [] },
    ...{
      phase: ExecutionPhase.EXECUTION_PENDING,
      open: true,
      revision: 0,
      creator: 'ada',
      contentDigest: '',
      step: 'running',
    },
    ...{ createdAt: new Date(), checkAt: new Date() },
  } as unknown as ExecutionRow;
  const execution = create(WorkflowExecutionSchema, {
    metadata: { id, name: id },
    status: { phase: ExecutionPhase.EXECUTION_PENDING },
  });
  await store.insert(KIND, row, execution, create(ExecutionSnapshotSchema));
  return id;
}

function setPhase(id: string, phase: ExecutionPhase) {
  return store.modify(KIND, id, (execution) => {
    if (execution.status !== undefined) execution.status.phase = phase;
    return true;
  });
}

function phaseOf({ bytes }: Encoded<typeof WorkflowExecutionSchema>): number {
  return fromBinary(WorkflowExecutionSchema, bytes).status?.phase ?? 0;
}

/** Reads a subscription to its end; the phases it saw grow in `seen`. */
async function readAll(id: string, seen: number[] = [], signal = new AbortController().signal) {
  for await (const message of feeds.follow(KIND, id, signal)) seen.push(phaseOf(message));
  return seen;
}

describe('those who follow one execution', () => {
  it(`share one reader, ${SUBSCRIBERS} of them: as many reads as there are changes, and some for those who come`, async () => {
    const id = await newExecution();
    const all = Array.from({ length: SUBSCRIBERS }, () => [] as number[]);
    const done = Promise.all(all.map((seen) => readAll(id, seen)));
    await eventually(
      () => all.filter((seen) => seen.length === 1).length,
      (first) => first === SUBSCRIBERS,
    );
    expect(feeds.size).toBe(1);
    await setPhase(id, ExecutionPhase.EXECUTION_IN_PROGRESS);
    await eventually(
      () => all.filter((seen) => seen.length === 2).length,
      (second) => second === SUBSCRIBERS,
    );
    await setPhase(id, ExecutionPhase.EXECUTION_COMPLETED);
    await done;
    expect(new Set(all.map(String))).toEqual(
      new Set([
        String([
          ExecutionPhase.EXECUTION_PENDING,
          ExecutionPhase.EXECUTION_IN_PROGRESS,
          ExecutionPhase.EXECUTION_COMPLETED,
        ]),
      ]),
    );
    expect(store.reads).toBeLessThan(10);
    expect(feeds.size).toBe(0);
  });

  it('get what was written before they came, whatever the others have already', async () => {
    const id = await newExecution();
    const first = feeds.follow(KIND, id, new AbortController().signal)[Symbol.asyncIterator]();
    expect(phaseOf((await first.next()).value as never)).toBe(ExecutionPhase.EXECUTION_PENDING);
    // Written past the store's hints, as another replica would without Redis.
    await database.connection
      .collection('executions')
      .updateOne({ _id: id as never }, { $inc: { revision: 1 } });
    const late = feeds.follow(KIND, id, new AbortController().signal)[Symbol.asyncIterator]();
    await late.next();
    expect(store.reads).toBeGreaterThan(1);
    await first.return?.();
    await late.return?.();
    expect(feeds.size).toBe(0);
  });

  it('and are slow skip what lies between, and get the end', async () => {
    const id = await newExecution();
    const slow = feeds.follow(KIND, id, new AbortController().signal)[Symbol.asyncIterator]();
    await slow.next();
    const quick: number[] = [];
    const done = readAll(id, quick);
    await eventually(
      () => quick.length,
      (length) => length === 1,
    );
    await setPhase(id, ExecutionPhase.EXECUTION_IN_PROGRESS);
    await eventually(
      () => quick.length,
      (length) => length === 2,
    );
    await setPhase(id, ExecutionPhase.EXECUTION_FAILED);
    await done;
    expect(phaseOf((await slow.next()).value as never)).toBe(ExecutionPhase.EXECUTION_FAILED);
    expect((await slow.next()).done).toBe(true);
  });

  it('and leave take their reader with them', async () => {
    const id = await newExecution();
    const gone = new AbortController();
    const seen: number[] = [];
    const done = readAll(id, seen, gone.signal);
    await eventually(
      () => seen.length,
      (length) => length === 1,
    );
    gone.abort();
    await done;
    expect(feeds.size).toBe(0);
  });

  it('all hear when it is deleted', async () => {
    const id = await newExecution();
    const refused = Promise.allSettled([readAll(id), readAll(id)]);
    await eventually(
      () => store.reads,
      (reads) => reads > 0,
    );
    await store.remove(id, 0);
    for (const { status } of await refused) expect(status).toBe('rejected');
    expect(feeds.size).toBe(0);
  });
});
