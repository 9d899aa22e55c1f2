import type { KeyEncryptionKey } from '@stigmer/crypto';

/** A place that key-encryption keys come from: the configuration, a folder, an external key service. */
export interface KeySource {
  /** For people, as in `file /etc/stigmer/keys` or `aws-kms alias/stigmer`. No key. */
  readonly name: string;
  /** All keys that it has now. In an empty database the first one of the first source becomes the active one. */
  load(): Promise<readonly KeyEncryptionKey[]>;
  /** Makes a key that `load` returns from now on. FAILED_PRECONDITION, with what to do, where only an operator can. */
  add(): Promise<KeyEncryptionKey>;
  /** Destroys a retired key for good, where the source is ours to write; elsewhere it changes nothing. */
  destroy(id: string): Promise<void>;
  /** Calls back whenever the keys may have changed. Returns what ends the watch. */
  watch(changed: () => void): () => void;
}
