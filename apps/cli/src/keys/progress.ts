import type { Context } from '../context';
import { note } from '../output/print';

const WIDTH = 24;

/** `[======>     ] 40 of 100 documents`; what is found while it runs may exceed what was counted at its start. */
export function bar(done: bigint, total: bigint): string {
  const whole = total > done ? total : done;
  const filled = whole === 0n ? WIDTH : Number((done * BigInt(WIDTH)) / whole);
  const line = '='.repeat(filled) + (filled < WIDTH ? '>' : '');
  return `[${line.slice(0, WIDTH).padEnd(WIDTH)}] ${done} of ${documentsOf(whole)}`;
}

/** `1 document`, `2 documents` */
export function documentsOf(count: bigint): string {
  return count === 1n ? '1 document' : `${count} documents`;
}

/** A line on the terminal that is written over; elsewhere nothing is shown, so that a log is not filled. */
export class Progress {
  #shown = '';

  constructor(private readonly context: Context) {}

  show(done: bigint, total: bigint): void {
    const { stderr } = this.context.io;
    const line = bar(done, total);
    if (stderr.isTTY !== true || line === this.#shown) return;
    stderr.write(`\r${line.padEnd(this.#shown.length)}`);
    this.#shown = line;
  }

  /** A remark on a line of its own, above what comes next. */
  remark(text: string): void {
    this.end();
    note(this.context, text);
  }

  end(): void {
    if (this.#shown !== '') this.context.io.stderr.write('\n');
    this.#shown = '';
  }
}
