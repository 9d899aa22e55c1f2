import fc from 'fast-check';
import { encodeTuple } from './aad';

const text = fc.string({ unit: 'binary' });

describe('The tuple encoding', () => {
  it('gives two different tuples two different encodings', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(text), (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(encodeTuple(one).equals(encodeTuple(other))).toBe(same);
      }),
    );
  });

  it('keeps apart what plain concatenation would not', () => {
    expect(encodeTuple(['a', 'bc'])).not.toEqual(encodeTuple(['ab', 'c']));
    expect(encodeTuple(['a', ''])).not.toEqual(encodeTuple(['', 'a']));
  });

  it('refuses a lone surrogate, which has no encoding of its own', () => {
    expect(() => encodeTuple(['\ud800'])).toThrow('not well-formed');
  });
});
