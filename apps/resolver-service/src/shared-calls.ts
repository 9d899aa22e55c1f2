import { unavailable } from '@stigmer/domain';

/** Makes a call. The signal is aborted once nobody waits for its answer any more. */
export type MakeCall<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Lets those who ask for the same at the same time share one call. For a key there is at most one under way; whoever
 * comes meanwhile waits for the next one, together with all who do. So nobody ever gets the answer to a call that was
 * begun before they came, and a run sees every write that was acknowledged before it. What is answered is held by those
 * who waited for it, and here no longer than until it is handed to them.
 */
export class SharedCalls<T> {
  private readonly gathering = new Map<string, Round<T>>();
  private readonly underWay = new Set<string>();

  /** The same key means the same call. Rejects as the call does, or when `signal` is aborted: the others go on waiting. */
  join(key: string, call: MakeCall<T>, signal: AbortSignal): Promise<T> {
    const round = this.gathering.get(key) ?? new Round(call);
    this.gathering.set(key, round);
    if (!this.underWay.has(key)) {
      this.underWay.add(key);
      // Those whose requests were read in this turn of the event loop have come already: they are taken along.
      setImmediate(() => void this.makeCalls(key));
    }
    return round.join(signal);
  }

  private async makeCalls(key: string): Promise<void> {
    for (let round = this.take(key); round !== undefined; round = this.take(key)) await round.make();
    this.underWay.delete(key);
  }

  private take(key: string): Round<T> | undefined {
    const round = this.gathering.get(key);
    this.gathering.delete(key);
    return round;
  }
}

/** One call and those who wait for it. */
class Round<T> {
  private readonly answer = Promise.withResolvers<T>();
  private readonly abandoned = new AbortController();
  private waiting = 0;
  private made = false;

  constructor(private readonly call: MakeCall<T>) {}

  join(signal: AbortSignal): Promise<T> {
    this.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.left();
        reject(unavailable('the caller did not wait for the answer'));
      };
      const stay = <V>(settle: (value: V) => void) => {
        return (value: V): void => {
          signal.removeEventListener('abort', leave);
          settle(value);
        };
      };
      this.answer.promise.then(stay(resolve), stay(reject));
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Never rejects: those who wait are told. */
  async make(): Promise<void> {
    if (this.waiting === 0) return;
    this.made = true;
    try {
      this.answer.resolve(await this.call(this.abandoned.signal));
    } catch (error) {
      this.answer.reject(error);
    }
  }

  private left(): void {
    this.waiting -= 1;
    // Before it is made, somebody may still come.
    if (this.made && this.waiting === 0) this.abandoned.abort();
  }
}
