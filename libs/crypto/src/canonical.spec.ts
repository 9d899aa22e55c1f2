import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { encodeFacts } from './canonical';

const { facts } = fc.letrec((tie) => ({
  facts: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary', maxLength: 5 }),
    // Texts that look like what encodes other things.
    fc.constantFrom('', 't', 'i1;', 's1:a', 'l0:', 'm0:'),
    fc.boolean(),
    fc.integer(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('facts'), { maxLength: 3 }),
    fc
      .uniqueArray(fc.tuple(fc.string({ unit: 'binary', maxLength: 2 }), tie('facts')), {
        maxLength: 3,
        selector: ([key]) => key,
      })
      .map((entries) => new Map(entries)),
  ),
}));

describe('The canonical encoding of facts', () => {
  it('gives any two that differ two different encodings, and equal ones the same', () => {
    fc.assert(
      fc.property(facts, facts, (one, other) => {
        expect(encodeFacts(one) === encodeFacts(other)).toBe(isDeepStrictEqual(one, other));
        expect(encodeFacts(structuredClone(one))).toBe(encodeFacts(one));
      }),
      { numRuns: 1_000 },
    );
  });

  it('begins no other one: what follows can never be read as part of what is before', () => {
    fc.assert(
      fc.property(facts, facts, (one, other) => {
        fc.pre(!isDeepStrictEqual(one, other));
        expect(encodeFacts(one).startsWith(encodeFacts(other))).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [
      ['a', 'bc'],
      ['ab', 'c'],
    ],
    [
      ['a', ''],
      ['', 'a'],
    ],
    [[['a'], 'b'], [['a', 'b']]],
    ['1', 1],
    ['true', true],
    [0, false],
    [new Date(5), 5],
    [[], new Map()],
    [new Map([['a', 'b']]), ['a', 'b']],
    ['\u00e9', 'e\u0301'],
  ])('keeps %j apart from %j', (one, other) => {
    expect(encodeFacts(one)).not.toBe(encodeFacts(other));
  });

  it('is the same for a map and for a row of it, in whatever order and with whatever is not there', () => {
    const map = new Map<string, unknown>([
      ['b', 1],
      ['a', new Map([['x', undefined]])],
    ]);
    expect(encodeFacts(map)).toBe(encodeFacts({ a: { x: undefined }, b: 1, c: undefined }));
    expect(encodeFacts(map)).toBe('m2:s1:am0:s1:bi1;');
  });

  it.each([
    ['nothing', null],
    ['an undefined item', [undefined]],
    ['a fraction', 1.5],
    ['no number', NaN],
    ['a number beyond what is exact', 2 ** 53],
    ['a date that is none', new Date(NaN)],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate as a key', { '\ud800': 1 }],
    ['a key that is no text', new Map([[1, 1]])],
    ['bytes', new Uint8Array(1)],
    ['a big integer', 1n],
    ['an object of some class', new Error('x')],
  ])('refuses %s', (_, given) => {
    expect(() => encodeFacts(given)).toThrow(/^a fact/);
  });
});
