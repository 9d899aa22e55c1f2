import { setTimeout as delay } from 'node:timers/promises';
import type { FinishedStep, Progress, Step } from './run-types';
import type { Json } from './json';
import { persistently } from './writes';

/** Three writes a second, so that with a run's last one, which never waits, no second sees more than four. */
const INTERVAL_MS = 350;
/** What is held back travels in Temporal's payloads beside the state, which may take 1.5 MiB of their 2 MiB. */
const HELD_BYTES = 64 * 1024;

/** Writes which steps are done, and which one is running, if one is. */
export type WriteProgress = (done: readonly FinishedStep[], running?: Step) => Promise<void>;

/**
 * What a run says of its tasks, seldom enough. It lives as long as one activity; what it has not written is in
 * `Progress`, which the workflow hands to the next one, so that a crash of a worker loses nothing.
 */
export class ProgressWriter {
  readonly #write: WriteProgress;
  readonly #signal: AbortSignal;
  #progress: Progress;

  constructor(before: Progress, write: WriteProgress, signal: AbortSignal) {
    this.#progress = before;
    this.#write = write;
    this.#signal = signal;
  }

  /**
   * Does what takes time, and says meanwhile that the step is running. Where that can be said at once, it must succeed:
   * what cannot be written should have no effect in the world yet. Later it may fail; the next write makes it good.
   */
  async during<T>(step: Step, body: () => Promise<T>): Promise<T> {
    if (this.#waitMs() === 0) {
      await this.running(step);
      return body();
    }
    const over = new AbortController();
    const said = this.#sayLater(step, over.signal);
    try {
      return await body();
    } finally {
      over.abort();
      await said;
    }
  }

  /** Says that the step is running, as soon as the last write is long enough ago. */
  async running(step: Step): Promise<Progress> {
    await this.#turn(this.#signal);
    return this.#flush(step);
  }

  /** The step is done: this is written now if it is time, held back if it is not, and never fails what was done. */
  async finished(step: Step, output?: Json): Promise<Progress> {
    const done = { step, completedAt: new Date().toISOString(), ...(output === undefined ? {} : { output }) };
    const held = [...this.#progress.held, done];
    this.#progress = { ...this.#progress, held };
    if (this.#waitMs() > 0 && Buffer.byteLength(JSON.stringify(held)) <= HELD_BYTES) return this.#progress;
    await this.#turn(this.#signal);
    return persistently(() => this.#flush(), this.#signal);
  }

  async #sayLater(step: Step, over: AbortSignal): Promise<void> {
    try {
      await this.#turn(over);
      await this.#flush(step);
    } catch {
      // Over before its turn came, or not written: both are made good by the next write.
    }
  }

  async #flush(running?: Step): Promise<Progress> {
    await this.#write(this.#progress.held, running);
    this.#progress = { writtenAt: Date.now(), held: [] };
    return this.#progress;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await delay(this.#waitMs(), undefined, { signal });
  }

  /** Never more than one interval, however much the clocks of two machines differ. */
  #waitMs(): number {
    const wait = this.#progress.writtenAt + INTERVAL_MS - Date.now();
    return Math.min(Math.max(wait, 0), INTERVAL_MS);
  }
}
