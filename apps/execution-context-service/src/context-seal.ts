import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  createDataKey,
  CryptoError,
  type KeyRing,
  openBlob,
  openDataKey,
  type Place,
  rewrap,
  sealBlob,
} from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import { type CreateContextInput, CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import type { ContextDocument, LiveContext } from './context-document';
import type { Lease } from './contexts.store';

/** The readable columns of a context. */
export type ContextColumns = Omit<ContextDocument, 'crypto' | 'sealed'>;

/**
 * Seals and opens the contexts of one origin. The origin is part of what is authenticated, so a context that came in
 * through the public contract does not open as a run's, not even when somebody moves its document.
 */
export class ContextSeal {
  constructor(
    private readonly ring: KeyRing,
    private readonly origin: 'run' | 'declared',
  ) {}

  seal(columns: ContextColumns, content: CreateContextInput): LiveContext {
    const { dataKey, header } = createDataKey(this.ring, this.placeOf(columns), boundBy(columns.expires_at));
    const plaintext = toBinary(CreateContextInputSchema, content);
    const sealed = sealBlob(dataKey, plaintext, factsOf(columns));
    plaintext.fill(0);
    return { ...columns, crypto: header, sealed };
  }

  open(context: LiveContext): CreateContextInput {
    return this.explained(context, () => {
      const dataKey = openDataKey(this.ring, this.placeOf(context), context.crypto, boundBy(context.expires_at));
      const plaintext = openBlob(dataKey, context.sealed, factsOf(context));
      const content = fromBinary(CreateContextInputSchema, plaintext);
      plaintext.fill(0);
      return content;
    });
  }

  /** The same data key under a new expiry, which is bound into its wrapping: the blob is not touched. */
  renew(context: LiveContext, expires_at: Date): Lease {
    return this.explained(context, () => {
      const bound = { from: boundBy(context.expires_at), to: boundBy(expires_at) };
      return { expires_at, crypto: rewrap(this.ring, this.placeOf(context), context.crypto, bound) };
    });
  }

  private placeOf({ org, _id: id }: Pick<ContextColumns, 'org' | '_id'>): Place {
    return { kind: `execution-context/${this.origin}`, org, id };
  }

  private explained<T>({ execution_id }: ContextColumns, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      const what = `the context of ${execution_id} cannot be opened: ${error.message}`;
      throw failedPrecondition(what, [], { cause: error });
    }
  }
}

function boundBy(expires_at: Date): readonly string[] {
  return [expires_at.toISOString()];
}

// Whose run it is, and since when: a later creation time would stretch how long it may be renewed.
function factsOf({ execution_id, slug, created_at }: ContextColumns): readonly string[] {
  return [execution_id, slug, created_at.toISOString()];
}
