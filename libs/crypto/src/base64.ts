import { CryptoError } from './errors';

/**
 * Decodes standard, padded base64 and nothing else. Node's own decoder skips what it does not know, so that many
 * strings would stand for one ciphertext; re-encoding leaves exactly one.
 */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new CryptoError('format', 'not canonical base64');
  return bytes;
}
