import { CryptoError } from './errors';

/**
 * Encodes a tuple of strings so that no two tuples share an encoding: each part is preceded by its length, which
 * keeps `('a', 'bc')` apart from `('ab', 'c')`.
 */
export function encodeTuple(parts: readonly string[]): Buffer {
  return Buffer.concat(parts.map(encodePart));
}

function encodePart(part: string): Buffer {
  const bytes = Buffer.from(part, 'utf8');
  // Every lone surrogate encodes to the same three bytes, which would make two different names one.
  if (bytes.toString('utf8') !== part) throw new CryptoError('format', 'a name is not well-formed Unicode');
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
}
