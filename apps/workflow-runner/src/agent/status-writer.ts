import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '@stigmer/domain';
import { persistently } from '../writes';

const INTERVAL_MS = 250;

/** Writes the newest state, at most four times a second: what changed in between goes out together. */
export class StatusWriter<T> {
  readonly #current: () => T;
  readonly #write: (state: T) => Promise<unknown>;
  readonly #signal: AbortSignal;
  readonly #gone: (reason: DomainError) => void;
  #dirty = false;
  #running: Promise<void> | undefined;

  /** `gone` hears when what is written to does not exist any more: trying again would be in vain. */
  constructor(
    current: () => T,
    write: (state: T) => Promise<unknown>,
    signal: AbortSignal,
    gone: (reason: DomainError) => void,
  ) {
    this.#current = current;
    this.#write = write;
    this.#signal = signal;
    this.#gone = gone;
  }

  /** Something has changed; returns at once. A write that fails is made good by the next one, or by `flush`. */
  changed(): void {
    this.#dirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** The last state, written for certain. */
  async flush(): Promise<void> {
    this.#dirty = false;
    await this.#running;
    await persistently(() => this.#write(this.#current()), this.#signal);
  }

  async #run(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await this.#write(this.#current());
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        if (error.kind === 'not-found') {
          this.#gone(error);
          return;
        }
        this.#dirty = true;
      }
      await delay(INTERVAL_MS, undefined, { signal: this.#signal }).catch(() => {
        this.#dirty = false;
      });
    }
  }
}
