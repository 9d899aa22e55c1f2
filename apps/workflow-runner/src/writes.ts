import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '@stigmer/domain';

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;

/**
 * Repeats a write while the other side is unavailable, until `signal` says stop. What comes after an effect in the world
 * (a request was sent, a tool was called) must not fail the activity, or its retry would have the effect twice.
 */
export async function persistently<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let wait = FIRST_DELAY_MS; ; wait = Math.min(2 * wait, LONGEST_DELAY_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof DomainError && error.kind === 'unavailable')) throw error;
      await delay(wait, undefined, { signal });
    }
  }
}

/** A last write to an execution that may have been deleted meanwhile: then nobody waits for it. */
export async function ifStillThere(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof DomainError && error.kind === 'not-found')) throw error;
  }
}
