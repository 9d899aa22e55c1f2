import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { RedisChannel } from '@stigmer/redis';
import type { Logger } from '@stigmer/service';

const CHANNEL = 'stigmer:executions';

/**
 * Tells all replicas over Redis that an execution has changed: its id and revision, nothing more. A hint only makes a
 * reader look sooner. Without Redis everything works, a little later.
 */
export class Hints implements OnModuleInit, OnModuleDestroy {
  private readonly listeners = new Map<string, Set<Bell>>();
  private readonly channel: RedisChannel;

  constructor(url: string, log: Logger) {
    this.channel = new RedisChannel(url, CHANNEL, log);
  }

  onModuleInit(): void {
    this.channel.open(
      (text) => {
        this.ring(idOf(text));
      },
      () => {
        // Whatever was said while the connection was gone was not heard.
        for (const id of [...this.listeners.keys()]) this.ring(id);
      },
    );
  }

  onModuleDestroy(): void {
    this.channel.close();
  }

  announce(id: string, revision: number): void {
    // Those in this process need no Redis.
    this.ring(id);
    this.channel.say(JSON.stringify({ id, revision }));
  }

  /** A bell that rings when the execution may have changed. The caller closes it. */
  listen(id: string): Bell {
    const bells = this.listeners.get(id) ?? new Set();
    this.listeners.set(id, bells);
    const bell = new Bell(() => {
      bells.delete(bell);
      if (bells.size === 0) this.listeners.delete(id);
    });
    bells.add(bell);
    return bell;
  }

  private ring(id: string): void {
    for (const bell of this.listeners.get(id) ?? []) bell.ring();
  }
}

/** Remembers a ring that came while nobody was waiting, so that none is lost between a look and a wait. */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  constructor(readonly close: () => void) {}

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves at the next ring, when the signal aborts, or after so many milliseconds. */
  async wait(signal: AbortSignal, milliseconds?: number): Promise<void> {
    if (!this.rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        // Taken off again below: a signal lives as long as its stream, and would keep one listener for each wait.
        signal.addEventListener('abort', this.wake, { once: true });
      });
      if (this.wake !== undefined) signal.removeEventListener('abort', this.wake);
    }
    this.rung = false;
    this.wake = undefined;
  }
}

/** Who may write to Redis may ring bells, and cannot do more: the text is nothing but an id. */
function idOf(text: string): string {
  return /^\{"id":"([\w.-]+)"/.exec(text)?.[1] ?? '';
}
