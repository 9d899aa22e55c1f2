import { type OpenedLayer, readLayer } from './opened';

/** Encoded; as layers they take some ten times as much. */
const CACHE_BYTES = 2 * 1024 * 1024;
/** Larger ones are few, and would leave no room for the others. */
const LAYER_BYTES = CACHE_BYTES / 8;

interface Kept {
  readonly bytes: Buffer;
  readonly layer: OpenedLayer;
}

/**
 * Redacted environments that were read lately: they hold no secret, and are the same bytes until they change. Each is
 * found by its beginning and taken only where all of its bytes are the same, so it is never stale. What is opened for a
 * run holds secrets and never comes here.
 */
export class LayerCache {
  private readonly kept = new Map<string, Kept>();
  private bytes = 0;

  /** The layer of these bytes. */
  readonly read = (bytes: Uint8Array): OpenedLayer => {
    const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const key = encoded.toString('latin1', 0, KEY_BYTES);
    const known = this.kept.get(key);
    if (known !== undefined && known.bytes.equals(encoded)) {
      // The one that was used last is thrown out last.
      this.kept.delete(key);
      this.kept.set(key, known);
      return known.layer;
    }
    const layer = readLayer(bytes);
    // A copy: the bytes are a part of a whole answer.
    if (encoded.byteLength <= LAYER_BYTES) this.keep(key, { bytes: Buffer.from(encoded), layer });
    return layer;
  };

  private keep(key: string, entry: Kept): void {
    this.drop(key);
    this.kept.set(key, entry);
    this.bytes += entry.bytes.byteLength;
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= CACHE_BYTES) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    this.bytes -= this.kept.get(key)?.bytes.byteLength ?? 0;
    this.kept.delete(key);
  }
}

/** Id, slug and more stand there, and mostly the revision. */
const KEY_BYTES = 128;
