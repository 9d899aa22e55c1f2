import { Batcher } from './batcher';

/** A batcher whose questions are answered by hand. */
function byHand(options: { readonly lanes?: number; readonly maxKeys?: number } = {}) {
  const questions: { readonly keys: readonly string[]; answer(): void; fail(): void }[] = [];
  let time = 0;
  const batcher = new Batcher<string>(
    (keys) =>
      new Promise((resolve, reject) => {
        questions.push({
          keys,
          answer: () => {
            resolve(new Map(keys.map((key) => [key, key.toUpperCase()])));
          },
          fail: () => {
            reject(new Error('down'));
          },
        });
      }),
    () => (time += 1),
    options.maxKeys ?? 100,
    options.lanes ?? 1,
  );
  return { batcher, questions, asked: () => questions.map(({ keys }) => keys) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Questions at the same time', () => {
  it('go out together once the one under way is answered, each key once', async () => {
    const { batcher, questions, asked } = byHand();
    const first = batcher.load(['a']);
    const others = [batcher.load(['b', 'c']), batcher.load(['c', 'a'])];
    expect(asked()).toEqual([['a']]);
    questions[0]?.answer();
    await first;
    await settled();
    expect(asked()).toEqual([['a'], ['b', 'c', 'a']]);
    questions[1]?.answer();
    const [second] = await Promise.all(others);
    expect(second?.found.get('b')).toBe('B');
  });

  it('never get the answer to one that was asked before they came', async () => {
    const { batcher, questions } = byHand();
    const early = batcher.load(['a']);
    const late = batcher.load(['a']);
    questions[0]?.answer();
    const { askedAt } = await early;
    await settled();
    expect(questions).toHaveLength(2);
    questions[1]?.answer();
    expect((await late).askedAt).toBeGreaterThan(askedAt);
  });

  it('do not fail with one that failed before, and the next ones are asked all the same', async () => {
    const { batcher, questions } = byHand();
    const first = batcher.load(['a']);
    const second = batcher.load(['b']);
    questions[0]?.fail();
    await expect(first).rejects.toThrow('down');
    await settled();
    questions[1]?.answer();
    expect((await second).found.get('b')).toBe('B');
  });

  it('do not wait behind a slow one while there is a lane', () => {
    const lanes = byHand({ lanes: 2 });
    void lanes.batcher.load(['slow']);
    void lanes.batcher.load(['a']);
    expect(lanes.asked()).toEqual([['slow'], ['a']]);
  });

  it('are never more at once than there are lanes, nor larger than they may be, and go in their order', async () => {
    const { batcher, questions, asked } = byHand({ maxKeys: 2 });
    const all = [['a'], ['b', 'c'], ['d'], ['e'], ['f', 'g', 'h']].map((keys) => batcher.load(keys));
    for (let i = 0; i < 4; i++) {
      expect(questions).toHaveLength(i + 1);
      questions[i]?.answer();
      await settled();
    }
    expect(asked()).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['f', 'g', 'h']]);
    await Promise.all(all);
  });

  it('about nothing ask nothing', async () => {
    const { batcher, asked } = byHand();
    expect((await batcher.load([])).found.size).toBe(0);
    expect(asked()).toEqual([]);
  });
});
