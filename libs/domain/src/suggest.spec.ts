import fc from 'fast-check';
import { suggest, suggestFew } from './suggest';

const NAMES = ['GITHUB_TOKEN', 'GITHUB_ORG', 'REGION', 'DB', 'constructor'];

test.each([
  ['GITHUB_TOKN', 'GITHUB_TOKEN'],
  ['GITHBU_TOKEN', 'GITHUB_TOKEN'],
  ['GITHUB_TOKEN_', 'GITHUB_TOKEN'],
  ['github_token', 'GITHUB_TOKEN'],
  ['GIHTUB_TOEKN', 'GITHUB_TOKEN'],
  ['REGOIN', 'REGION'],
  ['BD', 'DB'],
  ['D', 'DB'],
])('%s is taken for %s', (name, expected) => {
  expect(suggest(name, NAMES)).toBe(expected);
});

test.each(['SLACK_TOKEN', 'XY', 'ORIGIN', ''])('%j is near no name', (name) => {
  expect(suggest(name, NAMES)).toBeUndefined();
});

test('a name over 64 characters gets no suggestion', () => {
  expect(suggest('A'.repeat(64), ['A'.repeat(65)])).toBe('A'.repeat(65));
  expect(suggest('A'.repeat(65), ['A'.repeat(65) + 'B'])).toBeUndefined();
});

test('a thousand long names for each of a hundred unknown ones take no time', () => {
  for (const length of [250, 64]) {
    const names = Array.from({ length: 1_000 }, (_, at) => `${'A'.repeat(length - 4)}${at + 1_000}`);
    const near = suggestFew();
    const before = process.cpuUsage();
    for (let at = 0; at < 100; at++) near(`${'A'.repeat(length - 4)}x${at}y`, names);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  }
});

test('one request gets at most twenty suggestions', () => {
  const near = suggestFew();
  const given = Array.from({ length: 30 }, () => near('REGOIN', NAMES));
  expect(given.filter((name) => name === 'REGION')).toHaveLength(20);
  expect(given.slice(20)).toEqual(Array.from({ length: 10 }, () => undefined));
});

test('the distance is the same as without a band', () => {
  const letters = fc.string({ unit: fc.constantFrom('A', 'B', 'C'), maxLength: 6 });
  fc.assert(
    fc.property(letters, letters, (name, candidate) => {
      const near = alignment(name, candidate) < (name.length <= 4 ? 2 : 3);
      expect(suggest(name, [candidate])).toBe(near ? candidate : undefined);
    }),
    { numRuns: 500 },
  );
});

/** Optimal string alignment straight from its definition. */
function alignment(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const same = a.at(-1) === b.at(-1);
  const swapped = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    alignment(a.slice(0, -1), b) + 1,
    alignment(a, b.slice(0, -1)) + 1,
    alignment(a.slice(0, -1), b.slice(0, -1)) + (same ? 0 : 1),
    swapped ? alignment(a.slice(0, -2), b.slice(0, -2)) + 1 : Infinity,
  );
}
