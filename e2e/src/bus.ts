import { Redis } from 'ioredis';
import type { Place } from './leak-search';

/** Listens to everything that is said on Redis's bus, where nothing stays to be found later. */
export class BusListener {
  readonly #heard: Buffer[] = [];
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = new Redis(url, { connectTimeout: 30_000 });
    this.#redis.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) => {
      this.#heard.push(Buffer.concat([channel, Buffer.from(' '), message]));
    });
  }

  /** Resolves once it hears all channels. */
  async listen(): Promise<void> {
    await this.#redis.psubscribe('*');
  }

  /** Everything heard so far. */
  place(): Place {
    return { name: 'bus', bytes: Buffer.concat(this.#heard) };
  }

  close(): void {
    this.#redis.disconnect();
  }
}
