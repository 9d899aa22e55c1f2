import { Injectable } from '@nestjs/common';
import type { Encoded } from '@stigmer/proto';
import { Limits } from '../limits';
import { type Execution, isTerminal, type KindOfExecution } from './execution-kind';
import { ExecutionStore } from './executions.store';
import { Bell, Hints } from './hints';

type Message<E extends Execution> = Encoded<KindOfExecution<E>['schema']>;

/** An execution as all who follow it get it: read and encoded once, however many they are. */
interface State<E extends Execution> {
  readonly revision: number;
  readonly message: Message<E>;
  readonly terminal: boolean;
}

/** The feeds of the executions that somebody follows on this replica. */
@Injectable()
export class ExecutionFeeds {
  private readonly feeds = new Map<string, ExecutionFeed<Execution>>();

  constructor(
    private readonly store: ExecutionStore,
    private readonly hints: Hints,
    private readonly limits: Limits,
  ) {}

  /** How many executions are being read. */
  get size(): number {
    return this.feeds.size;
  }

  /** The execution now, then at each change until it has ended. */
  async *follow<E extends Execution>(
    kind: KindOfExecution<E>,
    id: string,
    signal: AbortSignal,
  ): AsyncIterable<Message<E>> {
    const name = `${kind.name}/${id}`;
    // The name says the kind, which the map's type cannot.
    const open = this.feeds.get(name) as ExecutionFeed<E> | undefined;
    yield* (open ?? this.open(name, kind, id)).follow(signal);
  }

  private open<E extends Execution>(name: string, kind: KindOfExecution<E>, id: string): ExecutionFeed<E> {
    const feed = new ExecutionFeed<E>({
      read: async (revision) => {
        const changed = await this.store.changed(kind, id, revision);
        if (changed === undefined) return undefined;
        const { row, message } = changed;
        return { revision: row.revision, message, terminal: isTerminal(row.phase) };
      },
      bell: this.hints.listen(id),
      rereadMs: this.limits.rereadMs,
      closed: () => {
        if (this.feeds.get(name) === (feed as unknown)) this.feeds.delete(name);
      },
    });
    this.feeds.set(name, feed as unknown as ExecutionFeed<Execution>);
    return feed;
  }
}

interface FeedOptions<E extends Execution> {
  /** The execution, where it is not at this revision. */
  readonly read: (revision: number) => Promise<State<E> | undefined>;
  /** Rings when the execution may have changed; the feed rings it too when somebody comes. Listens already. */
  readonly bell: Bell;
  readonly rereadMs: number;
  readonly closed: () => void;
}

/**
 * Reads one execution for all who follow it, for as long as somebody does. Each of them takes the latest state when it
 * is ready for one: a slow one skips states, and nothing is kept for it.
 */
class ExecutionFeed<E extends Execution> {
  private readonly followers = new Set<Bell>();
  private readonly abandoned = new AbortController();
  private state: State<E> | undefined;
  private failure: { readonly error: unknown } | undefined;
  /** Who comes takes a number, and waits for a read that began after: what was read before may be old. */
  private asked = 0;
  private answered = 0;

  constructor(private readonly options: FeedOptions<E>) {
    void this.run();
  }

  async *follow(signal: AbortSignal): AsyncIterable<Message<E>> {
    const number = ++this.asked;
    const bell = new Bell(() => this.followers.delete(bell));
    this.followers.add(bell);
    this.options.bell.ring();
    try {
      for (let revision = -1; !signal.aborted;) {
        const state = this.latest(number);
        if (state === undefined || state.revision === revision) {
          await bell.wait(signal);
          continue;
        }
        yield state.message;
        if (state.terminal) return;
        revision = state.revision;
      }
    } finally {
      bell.close();
      if (this.followers.size === 0) this.close();
    }
  }

  private latest(number: number): State<E> | undefined {
    if (this.failure !== undefined) throw this.failure.error;
    return this.answered >= number ? this.state : undefined;
  }

  /** A failure is the failure of all who follow, and the end of this feed: who subscribes again gets another one. */
  private async run(): Promise<void> {
    const { bell, rereadMs } = this.options;
    const { signal } = this.abandoned;
    try {
      // The first one comes within this turn, before the first look.
      await Promise.resolve();
      while (!signal.aborted) {
        await this.readOnce();
        if (this.asked > this.answered) continue;
        if (this.state?.terminal === true) break;
        await bell.wait(signal, rereadMs);
      }
    } catch (error) {
      this.failure = { error };
    }
    this.close();
    this.wakeAll();
  }

  private async readOnce(): Promise<void> {
    const asked = this.asked;
    this.state = (await this.options.read(this.state?.revision ?? -1)) ?? this.state;
    this.answered = asked;
    this.wakeAll();
  }

  private wakeAll(): void {
    for (const follower of this.followers) follower.ring();
  }

  private close(): void {
    this.abandoned.abort();
    this.options.bell.close();
    this.options.closed();
  }
}
