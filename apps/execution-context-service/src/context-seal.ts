import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  createDataKey,
  CryptoError,
  type CryptoHeader,
  KeyRing,
  openBlob,
  openDataKey,
  type Place,
  rewrap,
  sealBlob,
} from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import type { Logger } from '@stigmer/service';
import type { ContextData } from './context-data';
import type { ContextDocument } from './context-document';
import { encodedValues } from './encoded-values';

/** The readable columns that the seal holds in place. A context opens only with all of them as they were sealed. */
export type SealedFacts = Pick<
  ContextDocument,
  '_id' | 'execution_id' | 'origin' | 'org' | 'created' | 'expires_at'
>;

/** What is sealed. */
export interface ContextContent {
  readonly data: ContextData;
  /** Tells a repeated request from another one. Sealed too: it is made from values that may be guessed. */
  readonly digest: Uint8Array;
}

/** The keys of the moment that data keys are wrapped by. */
export interface ContextKeys {
  /** A ring whose active key is for what is written now. */
  toSeal(): Promise<KeyRing>;
  /** A ring with the key of this id, where there is one. */
  toOpen(kid: string): Promise<KeyRing>;
  /** Whether the key may have been destroyed before what was wrapped by it arrived in the database. */
  mayBeGone(kid: string): boolean;
}

/**
 * Seals a context as one blob under a data key of its own. The blob is bound to the run, and to who made it and when;
 * the expiry is bound to the wrapped data key alone, so that a renewal re-wraps 60 bytes and touches no value.
 */
export class ContextSeal {
  constructor(
    private readonly keys: ContextKeys,
    private readonly log: Logger,
  ) {}

  async seal(
    facts: SealedFacts,
    { data, digest }: ContextContent,
  ): Promise<Pick<ContextDocument, 'crypto' | 'sealed'>> {
    const ring = await this.keys.toSeal();
    const { dataKey, header } = createDataKey(ring, placeOf(facts), boundOf(facts.expires_at));
    // Protobuf and not JSON: JSON writes a control character in six bytes, and would outgrow a document of MongoDB.
    const content = create(CreateContextInputSchema, { data, requestDigest: digest });
    const plaintext = toBinary(CreateContextInputSchema, content);
    try {
      return { crypto: header, sealed: sealBlob(dataKey, plaintext, factsOf(facts)) };
    } finally {
      plaintext.fill(0);
    }
  }

  /** What was sealed. What was altered, moved, or sealed under a key that is not here is FAILED_PRECONDITION. */
  open(document: ContextDocument): Promise<ContextContent> {
    return this.opened(document, (plaintext) => {
      const { data, requestDigest } = fromBinary(CreateContextInputSchema, plaintext);
      return { data, digest: Uint8Array.from(requestDigest) }; // a copy: it is a view of what is zeroed
    });
  }

  /** The values alone, as the bytes of an `ExecutionContextSpec`. */
  openEncoded(document: ContextDocument): Promise<Uint8Array> {
    return this.opened(document, encodedValues);
  }

  /**
   * Makes the header under a later expiry and the active key of that moment. It holds on to the key that opens the
   * context now, so that it can be asked again when the first header came too late.
   */
  async renewal(document: ContextDocument): Promise<(expiresAt: Date) => Promise<CryptoHeader>> {
    const { keys } = await this.keys.toOpen(document.crypto.kid);
    return async (expiresAt) => {
      const { active } = await this.keys.toSeal();
      const bound = { from: boundOf(document.expires_at), to: boundOf(expiresAt) };
      return this.explained(document.execution_id, () =>
        rewrap(new KeyRing(active, keys), placeOf(document), document.crypto, bound),
      );
    };
  }

  /** Whether what was written with this header may have come too late to keep its key from destruction. */
  cameLate({ kid }: CryptoHeader): boolean {
    return this.keys.mayBeGone(kid);
  }

  private async opened<T>(document: ContextDocument, read: (plaintext: Buffer) => T): Promise<T> {
    const ring = await this.keys.toOpen(document.crypto.kid);
    const plaintext = this.explained(document.execution_id, () => {
      const bound = boundOf(document.expires_at);
      const dataKey = openDataKey(ring, placeOf(document), document.crypto, bound);
      return openBlob(dataKey, document.sealed, factsOf(document));
    });
    try {
      return read(plaintext);
    } finally {
      plaintext.fill(0);
    }
  }

  /** What cannot be opened stays so until someone acts: a failed precondition, and a line for the operator. */
  private explained<T>(executionId: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      this.log.error({ execution: executionId, err: error }, 'a context cannot be opened');
      const message = `the context of ${executionId} cannot be opened: ${error.message}`;
      throw failedPrecondition(message, [], { cause: error });
    }
  }
}

function placeOf({ origin, org, execution_id: id }: SealedFacts): Place {
  return { kind: `execution-context/${origin}`, org, id };
}

function factsOf({ _id, created }: SealedFacts): readonly string[] {
  return [_id, created.by, created.at.toISOString()];
}

function boundOf(expiresAt: Date): readonly string[] {
  return [expiresAt.toISOString()];
}
