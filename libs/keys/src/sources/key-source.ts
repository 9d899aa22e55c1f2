import type { KeyEncryptionKey } from '@stigmer/crypto';

/** A place that key-encryption keys come from: the configuration, a folder, an external key service. */
export interface KeySource {
  /** For people, as in `file /etc/stigmer/keys` or `aws-kms alias/stigmer`. No key. */
  readonly name: string;
  /** Whether keys can be added and destroyed here by us; otherwise only an operator can, by the configuration. */
  readonly writable: boolean;
  /**
   * All keys that it has now. In an empty database the first one of the first source becomes the active one.
   *
   * Rejects when they cannot be had: UNAVAILABLE where trying again may help, FAILED_PRECONDITION otherwise, both
   * naming the source and, if it is known, the key's fingerprint. A caller that holds keys already keeps them.
   */
  load(): Promise<readonly KeyEncryptionKey[]>;
  /** Makes a key that `load` returns from now on. FAILED_PRECONDITION, with what to do, where only an operator can. */
  add(): Promise<KeyEncryptionKey>;
  /** Destroys a retired key for good, where the source is ours to write; elsewhere it changes nothing. */
  destroy(id: string): Promise<void>;
  /** Calls back whenever the keys may have changed. Returns what ends the watch. */
  watch(changed: () => void): () => void;
}
