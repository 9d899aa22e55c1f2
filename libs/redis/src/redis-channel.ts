import type { Logger } from '@stigmer/service';
import { Redis } from 'ioredis';

/** Reconnects for ever, soon at first and then every two seconds. What cannot be sent is not kept. */
const CONNECTION = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  disconnectTimeout: 200,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
} as const;

/**
 * A channel of Redis over which the replicas of a service tell each other what to look at again. It connects by itself,
 * now or later, and nobody waits for it: what is said while Redis is away is lost.
 */
export class RedisChannel {
  private readonly publisher: Redis;
  private readonly subscriber: Redis;

  constructor(
    url: string,
    private readonly name: string,
    private readonly log: Logger,
  ) {
    this.publisher = new Redis(url, CONNECTION);
    this.subscriber = new Redis(url, CONNECTION);
  }

  /**
   * Connects, and from then on hears whatever anybody says on the channel. `listening` is called each time that it
   * begins to: what was said before was not heard.
   */
  open(heard: (text: string) => void, listening: () => void = () => undefined): void {
    for (const connection of [this.publisher, this.subscriber]) {
      connection.on('error', (error) => {
        this.unreachable(error);
      });
      // Reconnecting is the client's work; a first failure is nobody's.
      connection.connect().catch(() => undefined);
    }
    this.subscriber.on('ready', () => {
      this.subscriber.subscribe(this.name).then(listening, (error: unknown) => {
        this.unreachable(error);
      });
    });
    this.subscriber.on('message', (_channel, text) => {
      heard(text);
    });
  }

  say(text: string): void {
    this.publisher.publish(this.name, text).catch(() => undefined);
  }

  close(): void {
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  private unreachable(error: unknown): void {
    this.log.debug({ err: error }, 'Redis cannot be reached');
  }
}
