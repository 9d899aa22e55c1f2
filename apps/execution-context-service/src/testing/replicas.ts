import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type KeyRing, type KeyRingHolder } from '@stigmer/crypto';
import type { WritingKeys } from '@stigmer/keys';
import { connectMongo } from '@stigmer/mongo';
import {
  ExecutionContextSpecSchema,
  ExecutionValueSchema,
} from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { createLogger } from '@stigmer/service';
import type { Collection, Connection } from 'mongoose';
import type { ContextDocument } from '../context-document';
import { ContextSeal } from '../context-seal';
import { ContextStore } from '../contexts.store';
import type { Clock } from '../epoch';
import type { EpochKeyDocument } from '../epoch-key';
import { EpochKeys } from '../epoch-keys';
import { EpochKeyStore } from '../epoch-keys.store';
import { KeyedContexts } from '../keyed-contexts';
import { RunContexts } from '../run-contexts';

export const HOUR = 3_600_000;
export const CANARY = 'canary-77ab0e';
const DAY = 24 * HOUR;

/** The parts of one replica of the service, on a connection of its own; without timers, so that a test says when. */
export interface Replica {
  readonly keys: EpochKeys;
  readonly seal: ContextSeal;
  readonly store: ContextStore;
  readonly keyed: KeyedContexts;
  readonly runs: RunContexts;
  readonly connection: Connection;
  readonly lines: readonly string[];
}

/** A ring whose keys nobody retires, unless it says so itself. */
function writing(holder: KeyRingHolder | WritingKeys): WritingKeys {
  if ('written' in holder) return holder;
  return {
    get current() {
      return holder.current;
    },
    written: () => Promise.resolve(),
  };
}

/** A cluster of replicas on one database, with one clock that a test may turn. */
export class Cluster {
  readonly replicas: Replica[] = [];
  private skipped = 0;
  private runCount = 0;

  constructor(
    private readonly url: string,
    private readonly database: string,
    /** What a replica reads when it asks for the ring. */
    public ring: KeyRing,
  ) {}

  readonly now: Clock = () => Date.now() + this.skipped;

  /** Lets time pass, for every replica whose clock is the cluster's. */
  pass(ms: number): void {
    this.skipped += ms;
  }

  /** To a moment of the next hour, where no test meets the turn of an epoch by chance. */
  passToNextEpoch(): void {
    this.pass(HOUR - (this.now() % HOUR) + 60_000);
  }

  async add(clock: Clock = this.now, ring: KeyRingHolder | WritingKeys = this.holder()): Promise<Replica> {
    const lines: string[] = [];
    const log = createLogger('execution-context-service', 'trace', {
      write: (line: string) => void lines.push(line),
    });
    const connection = await connectMongo(this.url, this.database, log);
    const store = new ContextStore(connection, clock);
    const epochKeys = new EpochKeyStore(connection);
    await store.prepare();
    await epochKeys.prepare();
    const keys = new EpochKeys({ ring: writing(ring), store: epochKeys, contexts: store, log, clock });
    const seal = new ContextSeal(keys, log);
    const replica = {
      ...{ keys, seal, store, connection, lines },
      keyed: new KeyedContexts({ epochKeys, contexts: store, log }),
      runs: new RunContexts({ store, seal, log, clock, maxLifetimeMs: 7 * DAY }),
    };
    this.replicas.push(replica);
    return replica;
  }

  async close(): Promise<void> {
    for (const { keys, connection } of this.replicas) {
      await keys.close();
      await connection.close();
    }
  }

  /** What really lies in the database, past our stores. */
  get contexts(): Collection<ContextDocument> {
    return this.first.connection.collection<ContextDocument>('contexts');
  }

  get epochKeys(): Collection<EpochKeyDocument> {
    return this.first.connection.collection<EpochKeyDocument>('epoch_keys');
  }

  /** The context of a new run, made by a replica; the run's id. */
  async made(by: Replica, livesMs = 20 * HOUR): Promise<string> {
    this.runCount += 1;
    const executionId = `aex-${this.runCount}`;
    await by.runs.create(
      create(CreateContextInputSchema, {
        ...{ executionId, org: 'acme', creator: 'alice', requestDigest: Uint8Array.of(1) },
        data: { TOKEN: create(ExecutionValueSchema, { value: CANARY, isSecret: true }) },
        expiresAt: timestampFromMs(this.now() + livesMs),
      }),
    );
    return executionId;
  }

  async stored(executionId: string): Promise<ContextDocument> {
    const found = await this.contexts.findOne({ execution_id: executionId });
    if (found === null) throw new Error(`${executionId} is not in the database`);
    return found;
  }

  private get first(): Replica {
    const [first] = this.replicas;
    if (first === undefined) throw new Error('the cluster has no replica yet');
    return first;
  }

  /** The ring of the moment, as a replica holds it. */
  holder(): KeyRingHolder {
    const current = () => this.ring;
    return {
      get current() {
        return current();
      },
    };
  }
}

export async function revealed({ runs }: Replica, executionId: string): Promise<string | undefined> {
  const { values } = await runs.reveal(executionId, { service: 'workflow-runner', actor: 'x', owner: false });
  return fromBinary(ExecutionContextSpecSchema, values).data['TOKEN']?.value;
}

export async function destroy({ runs }: Replica, executionId: string): Promise<void> {
  await runs.destroy(executionId, { service: 'workflow-runner', actor: 'x', owner: false });
}
