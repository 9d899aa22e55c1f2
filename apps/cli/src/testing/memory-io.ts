import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import type { Io } from '../io';

/** Streams that a test fills and reads. */
export interface MemoryIo extends Io {
  readonly stdin: PassThrough & { isTTY?: boolean };
  /** What was written so far. */
  readonly written: { readonly stdout: string; readonly stderr: string };
}

/** `terminal` makes all three look like one. */
export function memoryIo({
  input,
  terminal = false,
}: { readonly input?: string; readonly terminal?: boolean } = {}): MemoryIo {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') =>
    Object.assign(
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          written[name] += chunk.toString();
          done();
        },
      }),
      { isTTY: terminal },
    );
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  if (input !== undefined) stdin.end(input);
  return { stdin, stdout: sink('stdout'), stderr: sink('stderr'), signals: new EventEmitter(), written };
}
