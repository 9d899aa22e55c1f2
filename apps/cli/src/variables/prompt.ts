import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Exit, ExitCode } from '../exit-codes';
import type { Io } from '../io';

/** Asks on the terminal without echoing what is typed. The question goes to the standard error. */
export function promptHidden(io: Io, question: string): Promise<string> {
  const silent = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input: io.stdin, output: silent, terminal: true, historySize: 0 });
  io.stderr.write(question);
  return new Promise((resolve, reject) => {
    let answer: string | undefined;
    lines.once('line', (line) => {
      answer = line;
      lines.close();
    });
    // Ctrl-C and Ctrl-D both close the interface without a line.
    lines.once('SIGINT', () => {
      lines.close();
    });
    lines.once('close', () => {
      io.stderr.write('\n');
      if (answer === undefined) reject(new Exit(ExitCode.interrupted));
      else resolve(answer);
    });
  });
}

/** Whether there is somebody to ask. */
export function canPrompt(io: Io): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true;
}
