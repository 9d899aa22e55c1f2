import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { runProcess } from './process';

const schema = z.object({
  STIGMER_LOG_LEVEL: z.literal('silent').default('silent').meta({ description: 'x' }),
});

describe('a process that gets a signal', () => {
  const exits: unknown[] = [];
  const ended = Promise.withResolvers<undefined>();

  beforeAll(() => {
    jest.spyOn(process, 'exit').mockImplementation((code) => {
      exits.push(code);
      ended.resolve(undefined);
      return undefined as never;
    });
  });
  afterAll(() => {
    jest.restoreAllMocks();
    process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
  });

  it('before its start is over drains all the same, once it is', async () => {
    const said: string[] = [];
    await runProcess('gateway', schema, async () => {
      await delay(20);
      process.emit('SIGTERM');
      await delay(20);
      said.push('listening');
      return {
        close: () => {
          said.push('drained');
          return Promise.resolve();
        },
      };
    });
    await ended.promise;
    expect(said).toEqual(['listening', 'drained']);
    expect(exits).toEqual([0]);
  });
});
