import { inspect } from 'node:util';
import type { KeyEncryptionKey } from '@stigmer/crypto';
import { createLogger, type Logger } from '@stigmer/service';

/** A logger whose lines can be read. */
export function recordedLog(): { readonly log: Logger; readonly text: () => string } {
  const lines: string[] = [];
  const log = createLogger('spec', 'trace', { write: (line) => lines.push(line) });
  return { log, text: () => lines.join('') };
}

/** Everything that printing could show of it. */
export function printed(thing: unknown): string {
  return inspect(thing, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null });
}

/** The forms in which bytes get into texts. A logged `Buffer` prints as pairs of hexadecimal digits or as numbers. */
export function formsOf(key: KeyEncryptionKey | Uint8Array): readonly string[] {
  const bytes = Buffer.from(key instanceof Uint8Array ? key : key.key.export());
  const hex = bytes.toString('hex');
  return [
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url').replace(/=+$/, ''),
    hex,
    hex.replace(/..(?=.)/g, '$& '),
    [...bytes].join(','),
    [...bytes].join(', '),
  ];
}
