/** What a sealed key is bound to: it opens for this ring and under this fingerprint, nowhere else. */
export interface KeyContext {
  readonly ring: string;
  readonly kid: string;
}

/** An external service that seals keys with one that never leaves it. */
export interface KeyWrapper {
  /** For people, and stored beside what it sealed. */
  readonly name: string;
  wrap(key: Uint8Array, context: KeyContext): Promise<string>;
  /** Rejects with `KeyWrapperError`. The bytes are the caller's to zero. */
  unwrap(sealed: string, context: KeyContext): Promise<Buffer>;
}

/**
 * - `unavailable`: it did not answer, or could not just now; trying again may help.
 * - `denied`: it answered that it will not: permissions, a disabled or missing key, a wrong address.
 * - `forged`: what was sealed is not what is stored, or was sealed for another ring, fingerprint or service key.
 */
export type KeyWrapperFailure = 'unavailable' | 'denied' | 'forged';

/** Why a key service did not wrap or unwrap. The message is ours alone: theirs may quote requests and tokens. */
export class KeyWrapperError extends Error {
  override readonly name = 'KeyWrapperError';

  constructor(
    readonly failure: KeyWrapperFailure,
    message: string,
  ) {
    super(message);
  }
}
