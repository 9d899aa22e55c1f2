import { REDACTED } from './mask';

/**
 * Whether a value is the marker that stands for a secret. Blanks around it are an editor's: taken for a value, they
 * would put asterisks in the place of a stored secret.
 */
export function isRedacted(value: string): boolean {
  return value.trim() === REDACTED;
}
