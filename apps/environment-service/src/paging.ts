import { invalidArguments, type Violation } from '@stigmer/domain';

const DEFAULT_SIZE = 50;
const MAX_SIZE = 500;

/** How many environments to list, and after which id. */
export interface Paging {
  readonly size: number;
  readonly after: string;
}

/** Reads a list's request. A token that no page answered and a negative size are INVALID_ARGUMENT, both at once. */
export function readPaging(pageSize: number, pageToken: string): Paging {
  const after = Buffer.from(pageToken, 'base64url').toString('utf8');
  const violations: Violation[] = [];
  if (pageSize < 0) violations.push({ field: 'page_size', description: 'must not be negative' });
  // Node's decoder skips what it does not know, so garbage would silently list from somewhere: only what comes back
  // the same was made by `tokenAfter`.
  if (tokenAfter(after) !== pageToken) {
    violations.push({ field: 'page_token', description: 'is not a token of this list' });
  }
  if (violations.length > 0) throw invalidArguments(violations);
  return { size: pageSize === 0 ? DEFAULT_SIZE : Math.min(pageSize, MAX_SIZE), after };
}

/** The token of the page after this id. */
export function tokenAfter(id: string): string {
  return Buffer.from(id).toString('base64url');
}
