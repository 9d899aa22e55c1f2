import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyEncryptionKey } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import type { KeySource } from '../sources/key-source';

const RETRY_MS = 1_000;

/** The keys that a ring's sources have given this process. */
export class KnownKeys {
  private readonly loaded = new Map<KeySource, readonly KeyEncryptionKey[]>();
  private readonly held = new Map<string, KeyEncryptionKey>();

  constructor(
    readonly sources: readonly KeySource[],
    private readonly log: Logger,
  ) {}

  /** For the start: waits for a source that is not up yet, and fails with one that will not be. */
  async load(): Promise<void> {
    for (const source of this.sources) this.take(source, await this.loadPatiently(source));
  }

  /** For later: a source that fails changes nothing, so what was given once is still held. */
  async reload(): Promise<void> {
    for (const source of this.sources) {
      try {
        this.take(source, await source.load());
      } catch (error) {
        this.log.error({ source: source.name, err: error }, 'keys cannot be loaded: the earlier ones stay');
      }
    }
  }

  /**
   * In the order of the sources. A key that has left its source is still held: documents may need it, and only
   * retiring it says that none does.
   */
  get all(): readonly KeyEncryptionKey[] {
    return [...this.held.values()];
  }

  /** The ids of the keys that would be there after a restart, too. */
  get lastingIds(): readonly string[] {
    return [...new Set([...this.loaded.values()].flat().map(({ id }) => id))];
  }

  /** Lets go of retired keys; a source may still have them. */
  forgetAll(ids: readonly string[]): void {
    for (const id of ids) this.held.delete(id);
  }

  private take(source: KeySource, keys: readonly KeyEncryptionKey[]): void {
    this.loaded.set(source, keys);
    for (const key of keys) if (!this.held.has(key.id)) this.held.set(key.id, key);
  }

  private async loadPatiently(source: KeySource): Promise<readonly KeyEncryptionKey[]> {
    for (;;) {
      try {
        return await source.load();
      } catch (error) {
        if (!(error instanceof DomainError) || error.kind !== 'unavailable') throw error;
        this.log.warn({ source: source.name, reason: error.message }, 'waiting for the keys of a ring');
        await sleep(RETRY_MS);
      }
    }
  }
}
