import { contextConfig } from './config';

describe('The longest lifetime of a context', () => {
  it('is a week where nothing is said', () => {
    expect(contextConfig.shape.STIGMER_CONTEXT_MAX_LIFETIME.parse(undefined)).toBe(7 * 86_400_000);
  });
});
