import { looksLikeCredential } from './credential';
import { isWeakSecret } from './weak-secret';

/** A line of a multi-line secret is a part from this length on; shorter ones stand in other texts as well. */
const LINE_LENGTH = 12;

/**
 * The parts of a secret that programs print by themselves: the lines of a key, the password of a connection
 * URL or string (drivers name it when it is wrong), the token after `Bearer`, the credentials in a JSON document
 * such as a service account's.
 * Weak parts are left out: they would hide what is no secret.
 */
export function secretParts(secret: string): readonly string[] {
  const parts = [
    ...urlPasswords(secret),
    ...authorization(secret),
    ...connectionString(secret),
    ...jsonCredentials(secret),
  ];
  return [...parts, ...[secret, ...parts].flatMap(lines)].filter((part) => !isWeakSecret(part));
}

function lines(secret: string): readonly string[] {
  const trimmed = secret.split(/\r\n?|\n/).map((line) => line.trim());
  // The armour of a PEM key says nothing, and masking it would hide what kind of text was there.
  return trimmed.length === 1
    ? []
    : trimmed.filter((line) => line.length >= LINE_LENGTH && !/^-----[A-Z0-9 ]+-----$/.test(line));
}

/**
 * A password may hold `@` and `/` unescaped: drivers read up to the last `@`. But there may be one in the path or the
 * query as well, so that the password may end at the first, or at the last before the path, as the standard says.
 */
function urlPasswords(secret: string): readonly string[] {
  const rest = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:(.+)@/is.exec(secret)?.[1];
  if (rest === undefined) return [];
  const authority = /^[^/?#]*/.exec(`${rest}@`)?.[0] ?? '';
  const ends = [rest.length, rest.indexOf('@'), authority.lastIndexOf('@')].filter((end) => end > 0);
  return ends.map((end) => rest.slice(0, end)).flatMap((password) => [password, decoded(password)]);
}

/** The value of an Authorization header: servers say it without the scheme. */
function authorization(secret: string): readonly string[] {
  const rest = /^(?:Bearer|Basic|Token)\s+(.{8,})$/is.exec(secret)?.[1];
  return rest === undefined ? [] : [rest.trim()];
}

/** `Server=db;Password=…;AccountKey=…`: a value may hold `=`, and be quoted. */
function connectionString(secret: string): readonly string[] {
  return secret.split(';').flatMap((pair) => {
    const value = /^[\w .-]*(?:password|pwd|secret|key|token)\s*=(.*)$/is.exec(pair.trim())?.[1]?.trim();
    return value === undefined ? [] : [value, value.replace(/^(["'])(.*)\1$/s, '$2')];
  });
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
