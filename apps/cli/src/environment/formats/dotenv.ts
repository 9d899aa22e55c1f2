import { DomainError, parseDotenv } from '@stigmer/domain';
import { ManifestError } from '../../manifest/problem';
import type { FileContent, FileVariable } from './format';
import { omittedComment } from './omitted';

/** Reads a dotenv file; what is wrong with it is told by line. */
export function readDotenv(file: string, text: string): readonly FileVariable[] {
  try {
    return parseDotenv(text).map(({ key, value, line }) => ({
      name: key,
      value,
      declaredSecret: false,
      line,
      column: 1,
    }));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new ManifestError(
      error.violations.map(({ field, description }) => ({
        file,
        line: Number(field.replace(/\D+/g, '')),
        column: 1,
        message: description,
      })),
    );
  }
}

export function writeDotenv({ variables, omitted }: FileContent): string {
  const lines = variables.map(([name, value]) => `${name}=${quoted(value)}`);
  return [...omittedComment(omitted), ...lines].map((line) => `${line}\n`).join('');
}

/** Characters that mean nothing to any reader of such files, a shell included. */
const BARE = /^[A-Za-z0-9_./:@%+,=-]*$/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['$', '\\$'],
  ['\r', '\\r'],
]);

/**
 * A value as every reader takes it for the same, as far as there is such a form: bare, then in single quotes, which
 * are literal everywhere, a shell included. Double quotes are for the rest. Never backticks: a shell runs them.
 */
function quoted(value: string): string {
  if (BARE.test(value)) return value;
  if (!/['\r]/.test(value)) return `'${value}'`;
  return `"${value.replace(/[\\"$\r]/g, (character) => ESCAPES.get(character) ?? character)}"`;
}
