import { setImmediate as nextTick } from 'node:timers/promises';
import { Turns } from './turns';

describe('Turns', () => {
  it('are taken one after the other, in their order, also after one that failed', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const act = (name: string) => async () => {
      seen.push(`${name} begins`);
      await nextTick();
      seen.push(`${name} ends`);
      if (name === 'two') throw new Error(name);
    };
    const all = ['one', 'two', 'three'].map((name) => turns.take('same', act(name)));
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'fulfilled'],
    ]);
    expect(seen).toEqual(['one', 'two', 'three'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('about other things wait for nobody', async () => {
    const turns = new Turns();
    const never = turns.take('slow', () => new Promise<never>(() => undefined));
    expect(await turns.take('other', () => Promise.resolve('done'))).toBe('done');
    void never;
  });
});
