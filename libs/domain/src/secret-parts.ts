import { looksLikeCredential } from './credential';
import { isWeakSecret } from './weak-secret';

/** A line of a multi-line secret is a part from this length on; shorter ones stand in other texts as well. */
const LINE_LENGTH = 12;

/**
 * The parts of a secret that programs print by themselves: the lines of a key, the password of a connection
 * URL (drivers name it when it is wrong), the credentials in a JSON document such as a service account's.
 * Weak parts are left out: they would hide what is no secret.
 */
export function secretParts(secret: string): readonly string[] {
  const parts = [...urlPasswords(secret), ...jsonCredentials(secret)];
  return [...parts, ...[secret, ...parts].flatMap(lines)].filter((part) => !isWeakSecret(part));
}

function lines(secret: string): readonly string[] {
  const trimmed = secret.split(/\r\n?|\n/).map((line) => line.trim());
  // The armour of a PEM key says nothing, and masking it would hide what kind of text was there.
  return trimmed.length === 1
    ? []
    : trimmed.filter((line) => line.length >= LINE_LENGTH && !/^-----[A-Z0-9 ]+-----$/.test(line));
}

function urlPasswords(secret: string): readonly string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:([^\s/@]+)@/i.exec(secret)?.[1];
  if (password === undefined) return [];
  return [password, decoded(password)];
}

/** As it is where it is no valid encoding: a password may hold a plain percent sign. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function jsonCredentials(secret: string): readonly string[] {
  const found: string[] = [];
  if (!/^[[{]/.test(secret)) return found;
  try {
    JSON.parse(secret, (key, value: unknown) => {
      if (typeof value === 'string' && looksLikeCredential(key, value) !== undefined) found.push(value);
      return value;
    });
  } catch {
    // It only began like JSON: the secret as a whole is masked all the same.
  }
  return found;
}
