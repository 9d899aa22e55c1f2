import { randomBytes } from 'node:crypto';

/** Crockford's alphabet: no i, l, o, u. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** A fresh resource id, `<prefix>-<lower-case ulid>`: sortable by the time of its making. */
export function newId(prefix: string, now = Date.now()): string {
  return `${prefix}-${encodeTime(now)}${encodeRandom()}`;
}

function encodeTime(now: number): string {
  let rest = now;
  let text = '';
  for (let i = 0; i < TIME_CHARACTERS; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** 80 random bits. 256 is a multiple of 32, so the low five bits of a random byte are uniform. */
function encodeRandom(): string {
  return Array.from(randomBytes(RANDOM_CHARACTERS), (byte) => ALPHABET.charAt(byte % 32)).join('');
}
