/**
 * Why something sealed did not open, or a key was not accepted.
 *
 * - `key`: a key is missing, malformed, or not the one that was used.
 * - `format`: the stored text is not in a form that may stand at this place.
 * - `forged`: it is well-formed, but was not sealed for this place, or was altered.
 */
export type CryptoFailure = 'key' | 'format' | 'forged';

/** The one error of this library. Its message names keys by their fingerprint and never quotes what was sealed. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';

  constructor(
    readonly failure: CryptoFailure,
    message: string,
  ) {
    super(message);
  }
}

/** The code of a Node system error (`ENOENT`…), if that is what was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}
