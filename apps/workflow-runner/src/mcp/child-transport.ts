import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** A child process to start, with its whole environment: nothing of ours is added. */
export interface ChildLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

const STDERR_BYTES = 64 * 1024;
const MESSAGE_BYTES = 10 * 1024 * 1024;
/** A server may end by itself when its input closes, then is asked to, then is killed. */
const GRACE_MS = 500;
const TERM_MS = 1_500;

/**
 * MCP over a child's stdin and stdout. The SDK's own transport adds HOME, SHELL and more to the environment and kills
 * one process; here the environment is exact, and the child leads a process group that is killed whole.
 */
export class ChildTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  readonly #launch: ChildLaunch;
  readonly #buffer = new ReadBuffer({ maxBufferSize: MESSAGE_BYTES });
  #child: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  /** The child has ended and its pipes were read to their end. */
  #ended = Promise.resolve();
  #closing: Promise<void> | undefined;
  #stderr = Buffer.alloc(0);
  #stderrCut = false;

  constructor(launch: ChildLaunch) {
    this.#launch = launch;
  }

  /** The last of what the child wrote to stderr, unmasked. */
  get stderr(): string {
    const text = this.#stderr.toString('utf8');
    if (!this.#stderrCut) return text.trim();
    // Where the beginning is lost, the first line may begin with half a secret, which no masker would know.
    const newline = text.indexOf('\n');
    return newline === -1 ? '' : `… ${text.slice(newline + 1).trim()}`;
  }

  async start(): Promise<void> {
    const { command, args, env, cwd } = this.#launch;
    const child = spawn(command, [...args], {
      env,
      cwd,
      detached: true,
      shell: false,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#keep(chunk);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    child.on('error', (error) => this.onerror?.(error));
    this.#ended = new Promise((done) => {
      child.on('close', () => {
        done();
        this.onclose?.();
      });
    });
    for (const stream of [child.stdin, child.stdout]) stream.on('error', (error) => this.onerror?.(error));
    await once(child, 'spawn'); // rejects with the child's `error`
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable) throw new Error('the server has ended');
    if (!stdin.write(serializeMessage(message))) await once(stdin, 'drain');
  }

  /** Ends the whole process group; returns when its leader is gone and has said its last. */
  close(): Promise<void> {
    // The MCP client may be closing already: whoever asks again waits for the same end.
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined) return;
    child.stdin.end();
    await this.#endedWithin(GRACE_MS);
    signalGroup(child.pid, 'SIGTERM');
    await this.#endedWithin(TERM_MS);
    signalGroup(child.pid, 'SIGKILL'); // also what the leader left behind in its group
    await this.#endedWithin(GRACE_MS);
    // A process that left the group may hold these pipes for as long as it lives.
    for (const pipe of [child.stdout, child.stderr]) pipe.destroy();
    await this.#ended;
    this.#buffer.clear();
  }

  async #endedWithin(ms: number): Promise<void> {
    await Promise.race([this.#ended, delay(ms, undefined, { ref: false })]);
  }

  #read(chunk: Buffer): void {
    try {
      this.#buffer.append(chunk);
      for (let message = this.#next(); message; message = this.#next()) this.onmessage?.(message);
    } catch (error) {
      this.onerror?.(error as Error);
      void this.close();
    }
  }

  /** The next message; a line that is none (servers print banners) is skipped. */
  #next(): JSONRPCMessage | null {
    for (;;) {
      try {
        return this.#buffer.readMessage();
      } catch {
        this.onerror?.(new Error('the server wrote a line that is no MCP message'));
      }
    }
  }

  #keep(chunk: Buffer): void {
    const all = Buffer.concat([this.#stderr, chunk]);
    this.#stderrCut ||= all.length > STDERR_BYTES;
    this.#stderr = all.subarray(-STDERR_BYTES);
  }
}

function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: the whole group has ended, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
