import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context';
import { printable } from '../io';
import { UsageError } from '../usage-error';
import { layoutOf, logFileOf, type Layout } from './layout';

export interface LogFlags {
  readonly follow: boolean;
  readonly lines: number;
}

interface Log {
  readonly part: string;
  readonly file: string;
  position: number;
  /** What came after the last line break. */
  rest: string;
}

const POLL_MS = 300;
/** A tail is looked for in this much of a log's end. */
const TAIL_BYTES = 256 * 1024;

/**
 * Prints the last lines of one part's log, or of all, and then what is added, until it is interrupted. With `--output
 * json` each line is a JSON document of its own, since a log that is followed has no end.
 */
export async function logs(context: Context, part: string | undefined, flags: LogFlags): Promise<void> {
  const layout = layoutOf(context.home);
  const shown = openLogs(layout, part);
  const prefix = (log: Log): string => (part === undefined ? `${log.part} | ` : '');
  const format = (log: Log, line: string): string =>
    context.format === 'json' ? JSON.stringify({ part: log.part, line }) : `${prefix(log)}${printable(line)}`;
  const write = (log: Log, lines: readonly string[]): void => {
    for (const line of lines) context.io.stdout.write(`${format(log, line)}\n`);
  };
  for (const log of shown) write(log, readLines(log).slice(-flags.lines));
  while (flags.follow) {
    await sleep(POLL_MS);
    for (const log of shown) write(log, readLines(log));
  }
}

function openLogs(layout: Layout, part: string | undefined): readonly Log[] {
  const parts = existsSync(layout.logs)
    ? readdirSync(layout.logs).flatMap((name) =>
        name.endsWith('.log') ? [name.slice(0, -'.log'.length)] : [],
      )
    : [];
  if (part !== undefined && !parts.includes(part)) {
    const known =
      parts.length === 0 ? `there are none in ${layout.logs} yet` : `there are: ${parts.sort().join(', ')}`;
    throw new UsageError(`there is no log of ${part}`, known);
  }
  return (part === undefined ? parts.sort() : [part]).map((name) => {
    const file = logFileOf(layout, name);
    return { part: name, file, position: Math.max(0, statSync(file).size - TAIL_BYTES), rest: '' };
  });
}

/** The lines that were completed since the last call. A log that became shorter was begun anew. */
function readLines(log: Log): readonly string[] {
  const descriptor = openSync(log.file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size < log.position) log.position = 0;
    const bytes = Buffer.alloc(size - log.position);
    readSync(descriptor, bytes, 0, bytes.length, log.position);
    log.position = size;
    const lines = (log.rest + bytes.toString()).split('\n');
    log.rest = lines.pop() ?? '';
    return lines;
  } finally {
    closeSync(descriptor);
  }
}
