/** What went wrong on the wire, in words: fetch hides the reason ("fetch failed") in its cause. */
export function describeNetworkError(error: unknown): string {
  const { message, cause } = error as { readonly message?: unknown; readonly cause?: unknown };
  const said = typeof message === 'string' ? message : 'unknown error';
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? `${said} (${code})` : said;
}
