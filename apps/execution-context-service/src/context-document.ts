import type { CryptoHeader } from '@stigmer/crypto';

/**
 * A context as it lies in the database. All that was asked for, values, creator and digest, is in `sealed`; what is
 * readable beside it is authenticated with it.
 */
export interface ContextDocument {
  readonly _id: string;
  readonly execution_id: string;
  readonly org: string;
  readonly slug: string;
  readonly created_at: Date;
  /** The lease. The TTL index removes the document then, and it is not served from that moment on. */
  readonly expires_at: Date;
  /** The wrapped data key. Unset first when the context is destroyed, so a document without it is gone already. */
  readonly crypto?: CryptoHeader;
  readonly sealed: Buffer;
  /** The metadata given through the public contract, encoded; a run's context has none. */
  readonly metadata?: Buffer;
}

/** A document that can still be opened. */
export type LiveContext = ContextDocument & { readonly crypto: CryptoHeader };

/** Whether a context may be served: the database's own sweep comes up to a minute late. */
export function isLive(document: ContextDocument, now: Date): document is LiveContext {
  return document.crypto !== undefined && document.expires_at > now;
}
