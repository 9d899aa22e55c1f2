import { stat } from 'node:fs/promises';
import type { KeyEncryptionKey } from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import type { Logger, Watched } from '@stigmer/service';
import type { KeySource } from './key-source';
import { poll } from './poll';

/** A variable that holds keys, or whose `_FILE` does. */
export interface KeyVariable {
  readonly name: string;
  readonly keys: Watched<readonly KeyEncryptionKey[]>;
}

/**
 * Keys that an operator configured: in variables, or in files that are read again when they change. The order is the
 * variables' and within one the text's.
 */
export class ConfiguredKeys implements KeySource {
  readonly name: string;
  readonly writable = false;
  /** By the variable's name: what its file last held that could be used. */
  readonly #usable = new Map<string, readonly KeyEncryptionKey[]>();
  #loaded: string | undefined;

  constructor(
    private readonly variables: readonly KeyVariable[],
    private readonly log: Logger,
  ) {
    this.name = variables.map(describe).join(', ');
  }

  async load(): Promise<readonly KeyEncryptionKey[]> {
    // Before the files are read: what changes meanwhile differs from it, so the next look finds it.
    this.#loaded = await this.state();
    return this.variables.flatMap((variable) => this.read(variable));
  }

  add(): Promise<KeyEncryptionKey> {
    return Promise.reject(
      failedPrecondition(
        `this ring's keys come from ${this.name}, which an operator writes: ` +
          'put another key (base64 of 32 random bytes) after the ones that are there',
      ),
    );
  }

  destroy(): Promise<void> {
    return Promise.resolve();
  }

  watch(changed: () => void): () => void {
    return poll(async () => (await this.state()) !== this.#loaded, changed);
  }

  /** Half-written or mistaken content must not take a key away from a service that runs. */
  private read({ name, keys }: KeyVariable): readonly KeyEncryptionKey[] {
    try {
      const read = keys.reread();
      this.#usable.set(name, read);
      return read;
    } catch (error) {
      this.log.error({ variable: name, file: keys.file, err: error }, 'the keys of before are kept');
      return this.#usable.get(name) ?? keys.value;
    }
  }

  /** What tells two contents of the files apart without reading them. */
  private async state(): Promise<string> {
    const files = this.variables.flatMap(({ keys }) => keys.file ?? []);
    return (await Promise.all(files.map(stateOf))).join('\n');
  }
}

// Of what a link leads to, so a swapped link is another file.
async function stateOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, mode } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs, mode].join(' ');
  } catch {
    return 'unreadable';
  }
}

function describe({ name, keys }: KeyVariable): string {
  return keys.file === undefined ? `variable ${name}` : `file ${keys.file}`;
}
