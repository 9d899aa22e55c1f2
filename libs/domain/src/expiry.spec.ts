import { isInstant } from './expiry';

it.each([
  ['0001-01-01T00:00:00.000Z', true],
  ['9999-12-31T23:59:59.999Z', true],
  ['+010000-01-01T00:00:00.000Z', false],
  ['0000-12-31T23:59:59.999Z', false],
])('a time that timestamps can say is one of the years 1 to 9999: %s', (time, isOne) => {
  expect(isInstant(Date.parse(time))).toBe(isOne);
});

it('no number, and none that no date can hold, is a time', () => {
  expect([Number.NaN, 1e300, -1e300].map(isInstant)).toEqual([false, false, false]);
});
