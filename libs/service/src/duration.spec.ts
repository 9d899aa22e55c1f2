import { duration } from './duration';

describe('A length of time in a configuration', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['007d', 604_800_000],
  ])('%j is %d milliseconds', (text, milliseconds) => {
    expect(duration.parse(text)).toBe(milliseconds);
  });

  it.each(['', '7', 'd', '-1d', '7 d', '1.5h', '0d', '000ms', '7w', '7D', '1e3s', '9999999999d'])(
    'is not %j',
    (text) => {
      expect(duration.safeParse(text).success).toBe(false);
    },
  );
});
