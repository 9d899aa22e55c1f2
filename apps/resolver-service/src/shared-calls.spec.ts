import { SharedCalls } from './shared-calls';

/** Calls that are answered by hand, in the order in which they were made. */
function byHand() {
  const made: {
    readonly key: string;
    readonly answer: (text: string) => void;
    readonly fail: () => void;
    readonly signal: AbortSignal;
  }[] = [];
  const calls = new SharedCalls<string>();
  const join = (key: string, signal = new AbortController().signal) =>
    calls.join(
      key,
      (abandoned) =>
        new Promise((resolve, reject) => {
          const fail = () => {
            reject(new Error('down'));
          };
          made.push({ key, answer: resolve, fail, signal: abandoned });
        }),
      signal,
    );
  return { made, join, keys: () => made.map(({ key }) => key) };
}

/** Everything that can happen without an answer has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Those who ask for the same at the same time', () => {
  it('share one call and its answer', async () => {
    const { made, join } = byHand();
    const all = Promise.all([join('a'), join('a'), join('a')]);
    await settled();
    expect(made).toHaveLength(1);
    made[0]?.answer('A');
    expect(await all).toEqual(['A', 'A', 'A']);
  });

  it('never get the answer to a call that was begun before they came: they wait for the next one together', async () => {
    const { made, join } = byHand();
    const early = join('a');
    await settled();
    const late = Promise.all([join('a'), join('a')]);
    await settled();
    expect(made).toHaveLength(1);
    made[0]?.answer('before');
    expect(await early).toBe('before');
    await settled();
    expect(made).toHaveLength(2);
    made[1]?.answer('after');
    expect(await late).toEqual(['after', 'after']);
  });

  it('are asked for anew once all is answered: nothing is kept', async () => {
    const { made, join } = byHand();
    for (const text of ['first', 'second']) {
      const answer = join('a');
      await settled();
      made.at(-1)?.answer(text);
      expect(await answer).toBe(text);
    }
    expect(made).toHaveLength(2);
  });

  it('share nothing with those who ask for something else, and do not wait for them', async () => {
    const { made, join, keys } = byHand();
    const one = join('a');
    const other = join('b');
    await settled();
    expect(keys()).toEqual(['a', 'b']);
    made[1]?.answer('B');
    expect(await other).toBe('B');
    made[0]?.answer('A');
    expect(await one).toBe('A');
  });

  it('share its failure, and the next ones are asked for all the same', async () => {
    const { made, join } = byHand();
    const failing = [join('a'), join('a')].map((answer) => expect(answer).rejects.toThrow('down'));
    await settled();
    const later = join('a');
    made[0]?.fail();
    await Promise.all(failing);
    await settled();
    made[1]?.answer('A');
    expect(await later).toBe('A');
  });

  it('stop waiting alone when they go away: the others get the answer', async () => {
    const { made, join } = byHand();
    const going = new AbortController();
    const gone = join('a', going.signal);
    const staying = join('a');
    await settled();
    going.abort();
    await expect(gone).rejects.toMatchObject({ kind: 'unavailable' });
    expect(made[0]?.signal.aborted).toBe(false);
    made[0]?.answer('A');
    expect(await staying).toBe('A');
  });

  it('end the call when all of them have gone away', async () => {
    const { made, join } = byHand();
    const going = new AbortController();
    const gone = Promise.allSettled([join('a', going.signal), join('a', going.signal)]);
    await settled();
    going.abort();
    await gone;
    expect(made[0]?.signal.aborted).toBe(true);
    // Whoever comes now is nothing to it.
    const next = join('a');
    made[0]?.fail();
    await settled();
    expect(made[1]?.signal.aborted).toBe(false);
    made[1]?.answer('A');
    expect(await next).toBe('A');
  });

  it('cost no call where they have gone before it was made, whoever comes in their place', async () => {
    const { made, join } = byHand();
    const first = join('a');
    await settled();
    const going = new AbortController();
    const gone = [join('a', going.signal), join('b', AbortSignal.abort())];
    going.abort();
    for (const answer of gone) await expect(answer).rejects.toMatchObject({ kind: 'unavailable' });
    made[0]?.answer('A');
    await first;
    await settled();
    expect(made).toHaveLength(1);
    const refused = expect(join('a', AbortSignal.abort())).rejects.toMatchObject({ kind: 'unavailable' });
    const instead = join('a');
    await settled();
    expect(made).toHaveLength(2);
    made[1]?.answer('again');
    expect(await instead).toBe('again');
    await refused;
  });
});
