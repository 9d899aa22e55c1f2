import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@stigmer/domain';
import type { Stigmer } from '@stigmer/sdk';
import type { Execution, RunKind } from './run-kind';

const DELAYS_MS = [200, 500, 1000, 2000];

/**
 * Creates a run, again where the answer is uncertain: its id is ours, so the server knows a repetition from a second
 * run. A refusal is final.
 */
export async function startRun<E extends Execution>(
  server: Stigmer,
  kind: RunKind<E>,
  execution: E,
): Promise<E> {
  for (const delay of DELAYS_MS) {
    try {
      return await kind.create(server, execution);
    } catch (error) {
      if (!isUncertain(error)) throw error;
      await sleep(delay);
    }
  }
  return kind.create(server, execution);
}

/** Whether a call may have had its effect although it failed: the server was gone, or too slow to say. */
export function isUncertain(error: unknown): boolean {
  if (error instanceof DomainError) return error.kind === 'unavailable';
  const DEADLINE_EXCEEDED = 4;
  return error instanceof Error && 'code' in error && error.code === DEADLINE_EXCEEDED;
}
