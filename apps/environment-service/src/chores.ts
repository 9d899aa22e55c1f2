import { setTimeout as sleep } from 'node:timers/promises';

export interface ChoresOptions {
  /** So many at the same time. */
  readonly atOnce: number;
  /** So many wait for their turn; one more is left undone, for whoever asks for it again. */
  readonly waiting: number;
}

/**
 * Does in the background what nobody waits for: about each thing once at a time, and about few things at once. What is
 * asked for while it is being done is done once more, since it may have begun too early to see why.
 */
export class Chores {
  private readonly waiting = new Set<string>();
  private readonly underWay = new Map<string, Promise<void>>();
  private closed = false;

  /** `chore` says itself what became of it, and never fails. */
  constructor(
    private readonly chore: (about: string) => Promise<void>,
    private readonly options: ChoresOptions,
  ) {}

  add(about: string): void {
    if (this.closed || this.waiting.size >= this.options.waiting) return;
    this.waiting.add(about);
    this.startNext();
  }

  /** Begins nothing any more, and waits for what is under way, but not for ever. */
  async close(withinMs: number): Promise<void> {
    this.closed = true;
    const waited = new AbortController();
    const limit = sleep(withinMs, undefined, { signal: waited.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.underWay.values()), limit]);
    waited.abort();
  }

  private startNext(): void {
    if (this.closed || this.underWay.size >= this.options.atOnce) return;
    const next = [...this.waiting].find((about) => !this.underWay.has(about));
    if (next === undefined) return;
    this.waiting.delete(next);
    this.underWay.set(next, this.finish(next));
  }

  private async finish(about: string): Promise<void> {
    await this.chore(about);
    this.underWay.delete(about);
    this.startNext();
  }
}
