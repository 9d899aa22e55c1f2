import { contextConfig } from './config';

const lifetime = contextConfig.shape.STIGMER_CONTEXT_MAX_LIFETIME;

describe('The longest lifetime of a context', () => {
  it.each([
    [undefined, 7 * 86_400_000],
    ['500ms', 500],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('%j is %d milliseconds', (text, milliseconds) => {
    expect(lifetime.parse(text)).toBe(milliseconds);
  });

  it.each(['7', 'd', '-1d', '7 d', '1.5h', '0d', '7w'])('is not %j', (text) => {
    expect(lifetime.safeParse(text).success).toBe(false);
  });
});
