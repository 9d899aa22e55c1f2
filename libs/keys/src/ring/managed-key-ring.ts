import type { KeyRing, KeyRingHolder } from '@stigmer/crypto';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { KeySource } from '../sources/key-source';
import type { KeyedDocuments, Verification } from './keyed-documents';
import type { RingStatus } from './ring-status';

export interface ManagedKeyRingOptions {
  readonly ring: 'environment' | 'context';
  /** In the order of their precedence: in an empty database the first key of the first source becomes the active one. */
  readonly sources: readonly KeySource[];
  /** The database that holds the documents; the ring's record lies beside them. Stays the caller's to close. */
  readonly connection: Connection;
  readonly documents: KeyedDocuments;
  readonly log: Logger;
  /** This process among the replicas. */
  readonly identity: string;
}

/** The keys of a service as its database's record and its sources say, followed for as long as the service runs. */
export class ManagedKeyRing implements KeyRingHolder {
  private constructor(private ring: KeyRing) {}

  /** Throws, naming the fingerprints needed and configured, when a key is missing that the record or a document names. */
  static open(options: ManagedKeyRingOptions): Promise<ManagedKeyRing> {
    return Promise.reject(new Error(`the ring ${options.ring} is not there yet`));
  }

  get current(): KeyRing {
    return this.ring;
  }

  /** Calls back with each new ring. Returns what ends that. */
  onChange(_listener: (ring: KeyRing) => void): () => void {
    throw new Error('not there yet');
  }

  status(): Promise<RingStatus> {
    throw new Error('not there yet');
  }

  add(): Promise<RingStatus> {
    throw new Error('not there yet');
  }

  promote(_id: string): Promise<RingStatus> {
    throw new Error('not there yet');
  }

  rewrap(): Promise<RingStatus> {
    throw new Error('not there yet');
  }

  retire(_id: string): Promise<RingStatus> {
    throw new Error('not there yet');
  }

  verify(): AsyncIterable<Verification & { readonly total: number }> {
    throw new Error('not there yet');
  }

  close(): Promise<void> {
    throw new Error('not there yet');
  }
}
