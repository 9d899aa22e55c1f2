import { mergeById, replaceUnlessShorter } from './status-merge';

const idOf = ({ id }: { readonly id: string }) => id;

describe('merging a status', () => {
  it('replaces items by their id, in their place, and adds new ones behind', () => {
    const before = [
      { id: 'a', n: 1 },
      { id: 'b', n: 1 },
    ];
    expect(
      mergeById(
        before,
        [
          { id: 'c', n: 2 },
          { id: 'a', n: 2 },
        ],
        idOf,
      ),
    ).toEqual([
      { id: 'a', n: 2 },
      { id: 'b', n: 1 },
      { id: 'c', n: 2 },
    ]);
  });

  it('never takes an item without an id for another', () => {
    expect(mergeById([{ id: '' }], [{ id: '' }], idOf)).toHaveLength(2);
  });

  it('keeps messages that were followed by more', () => {
    expect(replaceUnlessShorter([1, 2], [3])).toEqual([1, 2]);
    expect(replaceUnlessShorter([1, 2], [1, 3])).toEqual([1, 3]);
    expect(replaceUnlessShorter([1], [1, 2])).toEqual([1, 2]);
  });
});
