import { setTimeout as delay } from 'node:timers/promises';
import { notFound, unavailable } from '@stigmer/domain';
import { StatusWriter } from './status-writer';

describe('the writer of statuses', () => {
  it('writes at most four times a second, and the last state for certain', async () => {
    const written: number[] = [];
    let state = 0;
    const writer = new StatusWriter(
      () => state,
      (value) => Promise.resolve(written.push(value)),
      new AbortController().signal,
      () => undefined,
    );
    const started = Date.now();
    while (Date.now() - started < 600) {
      state += 1;
      writer.changed();
      await delay(5);
    }
    await writer.flush();
    expect(written.length).toBeLessThanOrEqual(5);
    expect(written.at(-1)).toBe(state);
  });

  it('goes on while the other side is away', async () => {
    const written: string[] = [];
    let failures = 2;
    const write = (value: string) => {
      failures -= 1;
      return failures >= 0 ? Promise.reject(unavailable('away')) : Promise.resolve(written.push(value));
    };
    const writer = new StatusWriter(
      () => 'state',
      write,
      new AbortController().signal,
      () => undefined,
    );
    writer.changed();
    await writer.flush();
    expect(written.at(-1)).toBe('state');
  });

  it('tells that the other side knows nothing of it any more, and does not ask again', async () => {
    let asked = 0;
    const write = () => {
      asked += 1;
      return Promise.reject(notFound('AgentExecution', 'aex-1'));
    };
    const reason = await new Promise<Error>((gone) => {
      new StatusWriter(() => 'state', write, new AbortController().signal, gone).changed();
    });
    await delay(600);
    expect(reason).toMatchObject({ kind: 'not-found' });
    expect(asked).toBe(1);
  });
});
