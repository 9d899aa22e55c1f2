import { isVariableName, quoteName, slugify } from './names';

test.each(['A', '_', 'a1', 'GITHUB_TOKEN', 'constructor', 'toString', 'hasOwnProperty', 'A'.repeat(256)])(
  '%s may be a variable’s name',
  (name) => {
    expect(isVariableName(name)).toBe(true);
  },
);

test.each(['', '1A', 'A-B', 'A.B', 'A B', 'Ä', 'A\n', '__proto__', 'A'.repeat(257)])('%j may not', (name) => {
  expect(isVariableName(name)).toBe(false);
});

test.each([
  ['GitHub Prod', 'github-prod'],
  ['github-prod', 'github-prod'],
  ['  a  b  ', 'a-b'],
  ['a--b---c', 'a-b-c'],
  ['-a-', 'a'],
  ['Über_cool (v2)!', 'bercool-v2'],
  ['!!!', ''],
])('%j has the slug %j', (name, slug) => {
  expect(slugify(name)).toBe(slug);
  expect(slugify(slug)).toBe(slug);
});

test('a quoted name is one short line, whatever is in it', () => {
  expect(quoteName('A\n"\u0007')).toBe('"A\\n\\"\\u0007"');
  expect(quoteName('x'.repeat(10_000)).length).toBeLessThan(80);
});
