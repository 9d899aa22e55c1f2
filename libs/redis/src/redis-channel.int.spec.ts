import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startRedis } from '@stigmer/embedded';
import { createLogger } from '@stigmer/service';
import { RedisChannel } from './redis-channel';

const log = createLogger('redis-spec', 'silent');
const channels: RedisChannel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
});

/** A channel that is open, and what it has heard; it says of itself how often it began to listen. */
function opened(url: string, name = 'spec') {
  const channel = new RedisChannel(url, name, log);
  channels.push(channel);
  const heard: string[] = [];
  const seen = { channel, heard, listening: 0 };
  channel.open(
    (text) => heard.push(text),
    () => (seen.listening += 1),
  );
  return seen;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

describe('A channel of Redis', () => {
  it('carries what one says to all who listen, itself among them, and to no other channel', async () => {
    const redis = await startRedis();
    try {
      const [one, two, other] = [opened(redis.url), opened(redis.url), opened(redis.url, 'other')];
      const all = [one, two, other];
      await until(() => all.every(({ listening }) => listening === 1));
      // The other half of a channel may still be connecting: then it says it again.
      while (two.heard.length === 0) {
        one.channel.say('look again');
        await sleep(20);
      }
      await until(() => one.heard.length > 0);
      expect(new Set([...one.heard, ...two.heard])).toEqual(new Set(['look again']));
      expect(other.heard).toEqual([]);
    } finally {
      await redis.stop();
    }
  });

  it('is open before its server is there, and listens again after the server was away', async () => {
    const port = await freePort();
    const early = opened(`redis://127.0.0.1:${port}`);
    early.channel.say('lost');
    for (const started of [1, 2]) {
      const redis = await startRedis({ port });
      try {
        await until(() => early.listening === started);
        const before = early.heard.length;
        while (early.heard.length === before) {
          early.channel.say(`heard ${started}`);
          await sleep(20);
        }
      } finally {
        await redis.stop();
      }
    }
    expect(new Set(early.heard)).toEqual(new Set(['heard 1', 'heard 2']));
  });
});
