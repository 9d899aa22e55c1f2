import { Chores } from './chores';

/** Chores that are ended by hand. */
function byHand(options: { readonly atOnce?: number; readonly waiting?: number } = {}) {
  const begun: { readonly about: string; end(): void }[] = [];
  const chores = new Chores(
    (about) =>
      new Promise((resolve) => {
        begun.push({ about, end: resolve });
      }),
    { atOnce: options.atOnce ?? 2, waiting: options.waiting ?? 10 },
  );
  const add = (...all: readonly string[]) => {
    for (const about of all) chores.add(about);
  };
  const end = async (index: number) => {
    begun[index]?.end();
    await settled();
  };
  return { chores, add, end, begun: () => begun.map(({ about }) => about) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Chores', () => {
  it('are done about one thing once at a time, and once more where that was asked for meanwhile', async () => {
    const { add, end, begun } = byHand();
    add('a', 'a', 'a');
    expect(begun()).toEqual(['a']);
    await end(0);
    expect(begun()).toEqual(['a', 'a']);
    await end(1);
    expect(begun()).toEqual(['a', 'a']);
  });

  it('are few at once, and a thing that waits for itself is in no other’s way', async () => {
    const { add, end, begun } = byHand({ atOnce: 2 });
    add('a', 'a', 'b', 'c');
    expect(begun()).toEqual(['a', 'b']);
    await end(1);
    expect(begun()).toEqual(['a', 'b', 'c']);
    await end(0);
    expect(begun()).toEqual(['a', 'b', 'c', 'a']);
  });

  it('wait in a bounded number: one more is left to whoever asks again', async () => {
    const { add, end, begun } = byHand({ atOnce: 1, waiting: 2 });
    add('a', 'b', 'c', 'd');
    await end(0);
    add('d');
    for (let i = 1; i < 4; i++) await end(i);
    expect(begun()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that are under way are waited for at the end, and none begins any more', async () => {
    const { chores, add, end, begun } = byHand({ atOnce: 1 });
    add('a', 'b');
    const ends: string[] = [];
    const closed = chores.close(60_000).then(() => ends.push('closed'));
    await settled();
    expect(ends).toEqual([]);
    await end(0);
    await closed;
    add('c');
    expect(begun()).toEqual(['a']);
  });

  it('that never end are not waited for longer than that', async () => {
    const { chores, add, begun } = byHand();
    add('a');
    await chores.close(1);
    expect(begun()).toEqual(['a']);
  });
});
