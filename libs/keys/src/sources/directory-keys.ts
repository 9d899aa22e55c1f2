import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CryptoError,
  generateKey,
  importKey,
  type KeyEncryptionKey,
  readKeyFile,
  removeKeyFile,
  systemErrorCode,
  writeKeyFile,
} from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import type { KeySource } from './key-source';
import { poll } from './poll';

const FINGERPRINT = /^[0-9a-f]{16}$/;
/** The key as it is while it is being written, which a process that is killed leaves behind. */
const ASIDE = /^[0-9a-f]{16}\.[0-9a-f]{16}$/;

/**
 * A folder with one file per key: 32 raw bytes, named by the key's fingerprint, its owner's alone. For a single
 * machine; replicas on several need a folder that they share.
 */
export class DirectoryKeys implements KeySource {
  readonly name: string;
  readonly writable = true;
  #loaded: string | undefined;

  constructor(private readonly folder: string) {
    this.name = `directory ${folder}`;
  }

  load(): Promise<readonly KeyEncryptionKey[]> {
    return settled(() => {
      const ids = this.ids();
      const keys = ids.flatMap((id) => this.read(id) ?? []);
      this.#loaded = ids.join();
      return keys;
    });
  }

  add(): Promise<KeyEncryptionKey> {
    return settled(() => {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      const { key, bytes } = generateKey();
      writeKeyFile(join(this.folder, key.id), bytes);
      return key;
    });
  }

  /** Overwriting first would promise nothing on the disks and file systems of today, so it is not tried. */
  destroy(id: string): Promise<void> {
    return settled(() => {
      const aside = this.names().filter((name) => ASIDE.test(name) && name.startsWith(`${id}.`));
      // The key itself last: while it is there, whoever was interrupted begins again.
      const ids = this.ids().filter((known) => known === id);
      for (const name of [...aside, ...ids]) removeKeyFile(join(this.folder, name));
    });
  }

  watch(changed: () => void): () => void {
    // A folder that became unreadable is news, too: `load` says what is wrong.
    const hasChanged = () => settled(() => this.ids().join() !== this.#loaded).catch(() => true);
    return poll(hasChanged, changed);
  }

  /** Whatever has another name is no key: a file that is being written, or an operator's note. */
  private ids(): readonly string[] {
    return this.names().filter((name) => FINGERPRINT.test(name));
  }

  private names(): readonly string[] {
    try {
      return readdirSync(this.folder).sort();
    } catch (error) {
      // Made when the first key is.
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** `undefined` when the key was destroyed since its name was read. */
  private read(id: string): KeyEncryptionKey | undefined {
    const bytes = readKeyFile(join(this.folder, id));
    if (bytes === undefined) return undefined;
    const key = importKey(bytes);
    if (key.id !== id) {
      throw new CryptoError(
        'key',
        `${join(this.folder, id)} holds the key ${key.id}, not the one of its name`,
      );
    }
    return key;
  }
}

/** The files are few and tiny, so they are read synchronously, as crypto does; callers see promises all the same. */
function settled<T>(action: () => T): Promise<T> {
  return Promise.resolve()
    .then(action)
    .catch((error: unknown) => {
      throw error instanceof CryptoError ? failedPrecondition(error.message, [], { cause: error }) : error;
    });
}
