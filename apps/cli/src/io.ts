import type { Readable, Writable } from 'node:stream';

/** The streams of the process and its signals, so that a test can hand in its own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Where SIGINT and SIGTERM arrive. */
  readonly signals: Signals;
}

/** As much of the process as it takes to hear of signals. */
export interface Signals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * A text as it may be shown on a terminal: control characters are dropped, since what a model or a tool wrote could
 * otherwise move the cursor, hide lines or set the clipboard.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
