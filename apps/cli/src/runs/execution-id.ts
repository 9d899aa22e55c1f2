import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * An id of our own choice, `<prefix>-<ulid>`. With it a create whose answer was lost can be sent again: the server
 * recognizes the run instead of starting a second one.
 */
export function newId(prefix: string, now = Date.now()): string {
  const time = encode(BigInt(now), 10);
  const random = encode(BigInt(`0x${randomBytes(10).toString('hex')}`), 16);
  return `${prefix}-${time}${random}`;
}

function encode(value: bigint, length: number): string {
  return Array.from(
    { length },
    (_, index) => ALPHABET[Number((value >> BigInt(5 * (length - 1 - index))) & 31n)],
  ).join('');
}
