import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startRedis } from '@stigmer/embedded';
import { Part, type PartStatus } from './part';

async function until(part: Part, wanted: (status: PartStatus) => boolean): Promise<PartStatus> {
  const deadline = Date.now() + 90_000;
  while (!wanted(part.status)) {
    await sleep(20);
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(part.status)}`);
  }
  return part.status;
}

describe('a part of the server', () => {
  it('is started again at the same address when it dies, and its status says why', async () => {
    const port = await freePort();
    const part = new Part(
      { name: 'redis', address: `127.0.0.1:${port}`, start: () => startRedis({ port }) },
      () => undefined,
    );
    try {
      await part.start();
      const { pid } = part.status;
      process.kill(pid ?? 0, 'SIGKILL');
      const again = await until(part, ({ state, restarts }) => state === 'up' && restarts === 1);
      expect(again.pid).not.toBe(pid);
      expect(again.problem).toBe('ended by itself: signal SIGKILL');
    } finally {
      await part.stop();
    }
    expect(part.status).toMatchObject({ state: 'stopped' });
    expect(part.status.pid).toBeUndefined();
  });

  it('is tried again while it cannot start, and says what is wrong', async () => {
    let starts = 0;
    const states: string[] = [];
    const part = new Part(
      {
        name: 'redis',
        address: '-',
        start: () => {
          starts += 1;
          states.push(part.status.state);
          return starts === 1 || starts > 3
            ? startRedis()
            : Promise.reject(new Error(`attempt ${starts} failed`));
        },
      },
      () => undefined,
    );
    try {
      await part.start();
      process.kill(part.status.pid ?? 0, 'SIGKILL');
      await until(part, ({ state, restarts }) => state === 'up' && restarts === 3);
      expect(states).toEqual(['starting', 'restarting', 'restarting', 'restarting']);
    } finally {
      await part.stop();
    }
  });

  it('stays stopped when it is stopped while it waits for its next start', async () => {
    let starts = 0;
    const part = new Part(
      { name: 'redis', address: '-', start: () => ((starts += 1), starts === 1 ? startRedis() : never()) },
      () => undefined,
    );
    await part.start();
    process.kill(part.status.pid ?? 0, 'SIGKILL');
    await until(part, ({ state }) => state === 'restarting');
    await part.stop();
    expect(part.status.state).toBe('stopped');
    expect(starts).toBe(1);
  });

  it('gives up a start that is under way when it is stopped', async () => {
    const part = new Part(
      {
        name: 'slow',
        address: '-',
        start: (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new Error('given up'));
            });
          }),
      },
      () => undefined,
    );
    const started = part.start();
    await part.stop();
    await expect(started).rejects.toThrow('given up');
  });
});

function never(): Promise<never> {
  return Promise.reject(new Error('started after the stop'));
}
