import { timestampDate } from '@bufbuild/protobuf/wkt';
import { parseExpiry } from './expiry';

const NOW = new Date('2026-11-22T10:00:00Z');
const at = (text: string): string | undefined => {
  const timestamp = parseExpiry(text, NOW);
  return timestamp && timestampDate(timestamp).toISOString();
};

describe('--expires', () => {
  it.each([
    ['30d', '2026-12-22T10:00:00.000Z'],
    ['12h', '2026-11-22T22:00:00.000Z'],
    ['90m', '2026-11-22T11:30:00.000Z'],
    ['2w', '2026-12-06T10:00:00.000Z'],
    ['2027-01-31T00:00:00Z', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T00:00:00.5+02:00', '2027-01-30T22:00:00.500Z'],
    ['never', undefined],
  ])('%s is %s', (text, expected) => {
    expect(at(text)).toBe(expected);
  });

  it.each(['', '30', '30y', 'tomorrow', '2027-01-31', '2027-13-31T00:00:00Z', '-1d', '1.5d'])(
    '%j is refused, with what it may be',
    (text) => {
      expect(() => at(text)).toThrow('--expires has to be a span, a time or never');
    },
  );

  it.each(['0d', '2026-11-22T09:59:59Z'])('%s is refused: it is over already', (text) => {
    expect(() => at(text)).toThrow('--expires lies in the past');
  });
});
