/** How a secret is masked: not at all, where it stands alone as a token, or anywhere in a text. */
export type Maskability = 'none' | 'token' | 'anywhere';

/** Words that stand in harmless texts all the time, and that people set as passwords all the same. */
const COMMON_WORDS = new Set(
  `administrator anonymous application authorization computer configuration container database development
  disabled environment external internal internet kubernetes localhost optional password passw0rd placeholder
  postgres postgresql production required superuser temporal undefined username workflow`.split(/\s+/),
);

/** Says how a secret without white space around it is masked. */
export function maskability(secret: string): Maskability {
  // A secret of asterisks alone reads like the marker already, and would be found in each of them.
  if (secret.length < 4 || /^\*+$/.test(secret)) return 'none';
  const ordinary = secret.length < 8 || isNumber(secret) || COMMON_WORDS.has(secret.toLowerCase());
  return ordinary ? 'token' : 'anywhere';
}

/**
 * Whether a secret is too short or too ordinary to be masked wherever it occurs, since that would also hide
 * what is no secret. Whoever sets one is told. (Booleans are shorter than 8 characters anyway.)
 */
export function isWeakSecret(secret: string): boolean {
  return maskability(secret.trim()) !== 'anywhere';
}

/** Whether a text is a number, in any of JavaScript's notations. */
export function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}
