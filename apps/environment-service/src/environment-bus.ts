import { randomUUID } from 'node:crypto';
import type { Logger } from '@stigmer/service';
import { Redis } from 'ioredis';
import { z } from 'zod';

const CHANNEL = 'stigmer:environments';
/** Reconnects for ever, soon at first and then every two seconds. What cannot be sent is not kept. */
const CONNECTION = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  disconnectTimeout: 200,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
} as const;

const message = z.object({
  /** Who says it: a replica need not hear itself. */
  from: z.string(),
  id: z.string(),
  org: z.string(),
  slug: z.string(),
});

/** That an environment was written or removed: which one, and nothing of what it holds. */
export type EnvironmentChange = Omit<z.infer<typeof message>, 'from'>;

export type ChangeListener = (change: EnvironmentChange) => void;

/**
 * Tells the other replicas over Redis which environments have changed, so that they look again at once and not only
 * when what they hold is two seconds old. A message that is lost costs that time, and no more. Who may write to Redis
 * can make replicas look again, and cannot make them believe anything.
 */
export class EnvironmentBus {
  private readonly replica = randomUUID();

  private constructor(
    private readonly publisher: Redis,
    private readonly subscriber: Redis,
    private readonly log: Logger,
  ) {}

  /** Connects by itself, now or later: nothing waits for it. */
  static open(url: string, log: Logger, listener: ChangeListener): EnvironmentBus {
    const bus = new EnvironmentBus(new Redis(url, CONNECTION), new Redis(url, CONNECTION), log);
    bus.listen(listener);
    return bus;
  }

  announce(change: EnvironmentChange): void {
    const text = JSON.stringify({ from: this.replica, ...change });
    this.publisher.publish(CHANNEL, text).catch(() => undefined);
  }

  close(): void {
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  private listen(listener: ChangeListener): void {
    for (const connection of [this.publisher, this.subscriber]) {
      connection.on('error', (error) => {
        this.log.debug({ err: error }, 'Redis cannot be reached');
      });
      // Reconnecting is the client's work; a first failure is nobody's.
      connection.connect().catch(() => undefined);
    }
    this.subscriber.on('ready', () => {
      this.subscriber.subscribe(CHANNEL).catch((error: unknown) => {
        this.log.debug({ err: error }, 'Redis cannot be reached');
      });
    });
    this.subscriber.on('message', (_channel, text) => {
      const said = parse(text);
      if (said === undefined || said.from === this.replica) return;
      listener({ id: said.id, org: said.org, slug: said.slug });
    });
  }
}

function parse(text: string): z.infer<typeof message> | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
