import { DomainError } from '@stigmer/domain';
import { readPaging, tokenAfter } from './paging';

function violationsOf(pageSize: number, pageToken: string) {
  try {
    readPaging(pageSize, pageToken);
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'invalid-argument') return error.violations;
    throw error;
  }
  return [];
}

it('starts at the first page and goes on after the last one, within the limits of a page', () => {
  expect(readPaging(0, '')).toEqual({ size: 50, after: '' });
  expect(readPaging(10_000, tokenAfter('env-1'))).toEqual({ size: 500, after: 'env-1' });
});

it.each(['garbage', '!!!', 'ZW52LTE=', ' ZW52LTE', 'page 2', '-1'])(
  'refuses %j, which no page answered, as INVALID_ARGUMENT',
  (token) => {
    expect(violationsOf(0, token)).toEqual([
      { field: 'page_token', description: 'is not a token of this list' },
    ]);
  },
);

it('refuses a negative size, together with a bad token', () => {
  expect(violationsOf(-1, '')).toEqual([{ field: 'page_size', description: 'must not be negative' }]);
  expect(violationsOf(-1, '!').map(({ field }) => field)).toEqual(['page_size', 'page_token']);
});
