/** What a question said, and when it was asked: nothing in the answer is older than that. */
export interface Answered<V> {
  readonly found: ReadonlyMap<string, V>;
  readonly askedAt: number;
}

/** Answers many keys at once; the keys that mean nothing are left out. */
export type AskMany<V> = (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>;

interface Round<V> {
  readonly keys: Set<string>;
  readonly answer: PromiseWithResolvers<Answered<V>>;
}

/**
 * Puts what many callers want to know at the same time into one question. While a question is under way the next
 * ones gather, and go out together when it is answered. So a hundred callers who miss the same document cost one
 * query, a slow database is asked less often and not more, and no caller ever gets an answer to a question that was
 * asked before it came: a run sees every write that was acknowledged before it.
 */
export class Batcher<V> {
  private readonly waiting: Round<V>[] = [];
  private underWay = 0;

  /** `now` is a clock that never goes back. */
  constructor(
    private readonly ask: AskMany<V>,
    private readonly now: () => number,
    /** So many keys in one question, more only where one caller alone wants more: the answer is in memory at once. */
    private readonly maxKeys: number,
    /** So many questions at the same time. More than one, so that none waits for a large one before it. */
    private readonly lanes = 2,
  ) {}

  async load(keys: readonly string[]): Promise<Answered<V>> {
    if (keys.length === 0) return { found: new Map(), askedAt: this.now() };
    const round = this.roundFor(keys);
    for (const key of keys) round.keys.add(key);
    this.sendNext();
    return round.answer.promise;
  }

  private roundFor(keys: readonly string[]): Round<V> {
    const last = this.waiting.at(-1);
    if (last !== undefined && last.keys.size + keys.length <= this.maxKeys) return last;
    const round: Round<V> = { keys: new Set(), answer: Promise.withResolvers() };
    this.waiting.push(round);
    return round;
  }

  private sendNext(): void {
    if (this.underWay >= this.lanes) return;
    const round = this.waiting.shift();
    if (round !== undefined) void this.send(round);
  }

  private async send({ keys, answer }: Round<V>): Promise<void> {
    this.underWay += 1;
    const askedAt = this.now();
    try {
      answer.resolve({ found: await this.ask([...keys]), askedAt });
    } catch (error) {
      answer.reject(error instanceof Error ? error : new Error('a question failed', { cause: error }));
    } finally {
      this.underWay -= 1;
      this.sendNext();
    }
  }
}
