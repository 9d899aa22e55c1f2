import { LEASE_MS } from './expiry';

/** Now, in milliseconds. A parameter, so that a test turns the hours. */
export type Clock = () => number;

/** An hour with a key of its own: what is sealed in it is sealed under that key, and opens no longer than that key is kept. */
export interface Epoch {
  /** Names the epoch: its start, as ISO 8601. */
  readonly id: string;
  readonly endsAt: Date;
  /** No context that was sealed in this epoch lives longer, and so neither does its key. */
  readonly deadline: Date;
}

const EPOCH_MS = 3_600_000;
/** The clocks of two replicas differ by less. */
const CLOCK_SKEW_MS = 120_000;
/**
 * What was sealed at the end of an epoch has arrived in the database by then. Only afterwards is it counted whether the
 * key is still needed, so that no key is destroyed while a context that needs it is on its way.
 */
const ARRIVAL_MS = 300_000;

/** The epoch of a moment. Every replica comes to the same one by its own clock. */
export function epochAt(now: number): Epoch {
  const startsAt = now - (now % EPOCH_MS);
  const endsAt = startsAt + EPOCH_MS;
  return {
    id: new Date(startsAt).toISOString(),
    endsAt: new Date(endsAt),
    deadline: new Date(endsAt + LEASE_MS + ARRIVAL_MS),
  };
}

/** Whether all that was sealed in the epoch has arrived: from now on a key that nothing needs may be destroyed. */
export function hasSettled({ endsAt }: Epoch, now: number): boolean {
  return now >= endsAt.getTime() + ARRIVAL_MS;
}

/** Whether a write that has just been acknowledged may have come after another replica began to count. */
export function mayHaveSettled({ endsAt }: Epoch, now: number): boolean {
  return now >= endsAt.getTime() + ARRIVAL_MS - CLOCK_SKEW_MS;
}
