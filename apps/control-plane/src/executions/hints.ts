import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import type { Logger } from '@stigmer/service';
import { Redis } from 'ioredis';

const CHANNEL = 'stigmer:executions';
/** Reconnects for ever, soon at first and then every two seconds. */
const CONNECTION = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  disconnectTimeout: 200,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
} as const;

/**
 * Tells all replicas over Redis that an execution has changed: its id and revision, nothing more. A hint only makes a
 * reader look sooner. Without Redis everything works, a little later.
 */
export class Hints implements OnModuleInit, OnModuleDestroy {
  private readonly listeners = new Map<string, Set<Bell>>();
  private readonly publisher: Redis;
  private readonly subscriber: Redis;

  constructor(
    url: string,
    private readonly log: Logger,
  ) {
    this.publisher = new Redis(url, CONNECTION);
    this.subscriber = new Redis(url, CONNECTION);
  }

  onModuleInit(): void {
    for (const connection of [this.publisher, this.subscriber]) {
      connection.on('error', (error) => {
        this.log.debug({ err: error }, 'Redis cannot be reached');
      });
      // Reconnecting is the client's work; a first failure is nobody's.
      connection.connect().catch(() => undefined);
    }
    this.subscriber.on('ready', () => {
      void this.listenAgain();
    });
    this.subscriber.on('message', (_channel, text) => {
      this.ring(idOf(text));
    });
  }

  onModuleDestroy(): void {
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  announce(id: string, revision: number): void {
    // Those in this process need no Redis.
    this.ring(id);
    this.publisher.publish(CHANNEL, JSON.stringify({ id, revision })).catch(() => undefined);
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

  private async listenAgain(): Promise<void> {
    try {
      await this.subscriber.subscribe(CHANNEL);
      // Whatever was said while the connection was gone was not heard.
      for (const id of [...this.listeners.keys()]) this.ring(id);
    } catch (error) {
      this.log.debug({ err: error }, 'Redis cannot be reached');
    }
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
