/** A pattern of values, and what a value that matches it looks like. */
interface Shape {
  readonly pattern: RegExp;
  readonly looks: string;
}

const SHAPES: readonly Shape[] = [
  { pattern: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/, looks: 'a private key' },
  { pattern: /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i, looks: 'a URL with a password' },
  { pattern: /\bgh[pousr]_[A-Za-z0-9]{16,}/, looks: 'a GitHub token' },
  { pattern: /\bgithub_pat_[A-Za-z0-9_]{16,}/, looks: 'a GitHub token' },
  { pattern: /\bglpat-[A-Za-z0-9_-]{16,}/, looks: 'a GitLab token' },
  { pattern: /\bsk-[A-Za-z0-9_-]{16,}/, looks: 'an API key' },
  { pattern: /\b[sr]k_(?:live|test)_[A-Za-z0-9]{8,}/, looks: 'a Stripe key' },
  { pattern: /\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}/, looks: 'a Slack token' },
  { pattern: /^https:\/\/hooks\.slack\.com\/services\/./, looks: 'a Slack webhook' },
  { pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, looks: 'an AWS access key' },
  { pattern: /\bAIza[A-Za-z0-9_-]{30,}/, looks: 'a Google API key' },
  { pattern: /\b(?:npm|hf|dop_v1)_[A-Za-z0-9]{30,}/, looks: 'an access token' },
  { pattern: /\bAGE-SECRET-KEY-1[A-Z0-9]{20,}/, looks: 'an age key' },
  { pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/, looks: 'a JSON Web Token' },
  { pattern: /^(?:Bearer|Basic) \S{8,}$/i, looks: 'an authorization header' },
];

const SECRET_WORD =
  /(?:TOKEN|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|APIKEY|CREDENTIALS?)$|^(?:PASS|PAT|JWT|COOKIE)$/;
/** `KEY` alone may be a cache's or a table's; after one of these it opens something. */
const KEY_WORDS = new Set(
  'API PRIVATE ACCESS SECRET ENCRYPTION SIGNING MASTER AUTH ACCOUNT SERVICE DEPLOY SHARED LICENSE SSH'.split(
    ' ',
  ),
);
/** Words at the end of a name that only say which one it is. */
const QUALIFIER = /^(?:\d+|PROD|PRODUCTION|STAGING|DEV|TEST|OLD|NEW|BASE64|B64|VALUE)$/;
const COUNTED = new Set(['MAX', 'MIN', 'NUM', 'COUNT']);
/** Names of what is long and random and no secret. */
const PUBLIC_WORDS = new Set(
  'ID SHA SHA1 SHA256 HASH DIGEST COMMIT CHECKSUM REVISION ETAG FINGERPRINT'.split(' '),
);

/**
 * Why a variable looks like a credential, or undefined where it does not. The reason is part of a sentence
 * ("its name ends in TOKEN") and never holds the value. Rather a false alarm than a leak: a user can say that
 * a variable is plain, but cannot take back what was logged.
 */
export function looksLikeCredential(name: string, value: string): string | undefined {
  if (value === '' || /^(?:true|false|yes|no|on|off)$/i.test(value)) return undefined;
  const words = wordsOf(name);
  const shape = SHAPES.find(({ pattern }) => pattern.test(value));
  if (shape !== undefined) return `its value looks like ${shape.looks}`;
  const ending = secretEnding(words);
  if (ending !== undefined) return `its name ends in ${ending}`;
  if (!words.some((word) => PUBLIC_WORDS.has(word)) && isRandom(value)) return 'its value looks random';
  return undefined;
}

/** `githubToken_2` → GITHUB, TOKEN */
function wordsOf(name: string): readonly string[] {
  const words = name
    .split(/_+|(?<=[a-z0-9])(?=[A-Z])/)
    .filter((word) => word !== '')
    .map((word) => word.toUpperCase());
  while (words.length > 1 && QUALIFIER.test(words.at(-1) ?? '')) words.pop();
  return words;
}

function secretEnding(words: readonly string[]): string | undefined {
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  if (COUNTED.has(words[0] ?? '')) return undefined;
  // PWD by itself is where a shell stands; after another word it is a password.
  if (SECRET_WORD.test(last) || (last === 'PWD' && before !== '')) return last;
  return last === 'KEY' && KEY_WORDS.has(before) ? `${before}_KEY` : undefined;
}

/** A long run of hexadecimal or of mixed letters and digits without a pattern in it. */
function isRandom(value: string): boolean {
  if (/^[0-9a-f]{32,}$/i.test(value)) return true;
  const token = /^[A-Za-z0-9+/_=-]{24,}$/.test(value) && !value.startsWith('/');
  const mixed = /[a-z]/.test(value) && /[A-Z]/.test(value) && /[0-9]/.test(value);
  return token && mixed && bitsPerCharacter(value) >= 3.8;
}

/** Shannon entropy: about 4.2 for 24 random base64 characters, under 3.5 for words. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
