import { randomUUID } from 'node:crypto';
import { RedisChannel } from '@stigmer/redis';
import type { Logger } from '@stigmer/service';
import { z } from 'zod';

const CHANNEL = 'stigmer:environments';
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

  private constructor(private readonly channel: RedisChannel) {}

  /** Connects by itself, now or later: nothing waits for it. */
  static open(url: string, log: Logger, listener: ChangeListener): EnvironmentBus {
    const bus = new EnvironmentBus(new RedisChannel(url, CHANNEL, log));
    bus.listen(listener);
    return bus;
  }

  announce(change: EnvironmentChange): void {
    this.channel.say(JSON.stringify({ from: this.replica, ...change }));
  }

  close(): void {
    this.channel.close();
  }

  private listen(listener: ChangeListener): void {
    this.channel.open((text) => {
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
