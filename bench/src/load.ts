import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Load } from './figure';

/** The compiled client; see bench/client. */
const CLIENT = join(__dirname, '..', 'client', 'bin', 'load');
const WARM_UP_MS = 1_000;

/** One call of a round. In `messages`, {@link ROUND} stands for a number that each round has to itself. */
export interface Step {
  readonly address: string;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly messages: readonly Uint8Array[];
}

/** As long as what replaces it. */
export const ROUND = 'round-number-000';

interface ClientResult {
  readonly failures: number;
  readonly first_error: string;
  readonly rate: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly arrivals_ms?: readonly number[];
}

/** Makes rounds of these steps for some seconds, one round at a time on each connection. */
export async function load(
  steps: readonly Step[],
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Load> {
  const { rate, p50_ms, p99_ms } = await runClient({
    connections,
    warm_up_ms: Math.min(WARM_UP_MS, seconds * 1_000),
    duration_ms: seconds * 1_000,
    steps: steps.map(encodeStep),
  }).result;
  return { rate, p50Ms: p50_ms, p99Ms: p99_ms };
}

/** Open streams of one rpc. */
export interface Subscribers {
  /** Each stream has had its first message. */
  readonly ready: Promise<void>;
  /** Once the server has ended them all: when each message came, in milliseconds since 1970. */
  readonly arrivals: Promise<readonly number[]>;
}

export function subscribe(step: Step, count: number, connections: number): Subscribers {
  const { ready, result } = runClient({ connections, subscribers: count, steps: [encodeStep(step)] });
  return { ready, arrivals: result.then(({ arrivals_ms = [] }) => arrivals_ms) };
}

function encodeStep({ messages, ...step }: Step) {
  return { ...step, messages: messages.map((message) => Buffer.from(message).toString('base64')) };
}

function runClient(plan: object): { readonly ready: Promise<void>; readonly result: Promise<ClientResult> } {
  if (!existsSync(CLIENT)) throw new Error('the load client is not compiled: run bench/install-client.sh');
  const client = spawn(CLIENT, { stdio: ['pipe', 'pipe', 'pipe'] });
  client.stdin.end(JSON.stringify(plan));
  const said: string[] = [];
  const ready = new Promise<void>((resolve) => {
    createInterface(client.stderr).on('line', (line) => {
      if (line === 'ready') resolve();
      else said.push(line);
    });
  });
  const output = text(client.stdout);
  const result = new Promise<number | null>((resolve, reject) => {
    client.once('error', reject);
    client.once('close', resolve);
  }).then(async (code) => {
    if (code !== 0) throw new Error(`the load client failed: ${said.join('\n')}`);
    const measured = JSON.parse(await output) as ClientResult;
    // A refusal is quick: a rate with failures in it means nothing.
    if (measured.failures > 0) {
      throw new Error(`${measured.failures} calls failed, the first one: ${measured.first_error}`);
    }
    return measured;
  });
  return { ready, result };
}
