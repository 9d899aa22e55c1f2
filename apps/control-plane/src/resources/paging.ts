import { invalidArguments } from '@stigmer/domain';

const DEFAULT_SIZE = 50;
const MAX_SIZE = 200;

/** Which part of a list is asked for: the page after a position, or the page of a number (from 0). */
export interface Page {
  readonly size: number;
  readonly after?: string;
  readonly number?: number;
}

/** A list's request as the contract writes it: `page_token` is what the page before answered as `next_page_token`. */
export function pageAfter(size: number, token: string): Page {
  return { size: sizeOf(size), ...(token === '' ? {} : { after: decodePosition(token) }) };
}

/**
 * A list whose answer has no room for a token, only for the number of pages: there `page_token` is the number of a
 * page, counted from 1; none is the first.
 */
export function pageNumbered(size: number, token: string): Page {
  if (token !== '' && !/^[1-9]\d{0,8}$/.test(token)) throw badToken('must be the number of a page, from 1');
  return { size: sizeOf(size), number: token === '' ? 0 : Number(token) - 1 };
}

/** `PageInfo`, which counts pages from 0. */
export function pageOf(info: { readonly num: number; readonly size: number } | undefined): Page {
  if ((info?.num ?? 0) < 0) throw negative('page_info.num');
  return { size: sizeOf(info?.size ?? 0), number: info?.num ?? 0 };
}

export function encodePosition(position: string): string {
  return Buffer.from(position).toString('base64url');
}

function decodePosition(token: string): string {
  if (!/^[\w-]+$/.test(token)) throw badToken('is not a token of this list');
  return Buffer.from(token, 'base64url').toString();
}

function sizeOf(size: number): number {
  if (size < 0) throw negative('page_size');
  return size === 0 ? DEFAULT_SIZE : Math.min(size, MAX_SIZE);
}

/** INVALID_ARGUMENT for a token that no page answered. */
export function badToken(description: string) {
  return invalidArguments([{ field: 'page_token', description }]);
}

function negative(field: string) {
  return invalidArguments([{ field, description: 'must not be negative' }]);
}
