import { DomainError } from '@stigmer/domain';
import { encodePosition, pageAfter, pageNumbered, pageOf } from './paging';

describe('a page', () => {
  it('has 50 items where nothing is said, and 200 at most', () => {
    expect(pageAfter(0, '').size).toBe(50);
    expect(pageAfter(5_000, '').size).toBe(200);
  });

  it('goes on after the position in its token', () => {
    expect(pageAfter(10, encodePosition('agt-1'))).toEqual({ size: 10, after: 'agt-1' });
  });

  it('is counted from 1 where the answer has no token, from 0 in a PageInfo', () => {
    expect(pageNumbered(10, '')).toEqual({ size: 10, number: 0 });
    expect(pageNumbered(10, '2')).toEqual({ size: 10, number: 1 });
    expect(pageOf({ num: 2, size: 10 })).toEqual({ size: 10, number: 2 });
    expect(pageOf(undefined)).toEqual({ size: 50, number: 0 });
  });

  it.each([
    ['a negative size', () => pageAfter(-1, '')],
    ['a negative number', () => pageOf({ num: -1, size: 1 })],
    ['a token that is none', () => pageAfter(1, '{"$gt":""}')],
    ['a page before the first', () => pageNumbered(1, '0')],
    ['a page with no number', () => pageNumbered(1, 'next')],
  ])('refuses %s', (_what, page) => {
    expect(page).toThrow(DomainError);
  });
});
