/** The rhythm of a ring's replicas. */
export interface Timings {
  /** How often the record is read. */
  readonly pollMs: number;
  /** How often a replica says that it lives, and which keys it holds. */
  readonly beatMs: number;
  /** After how long without that it is taken for dead. */
  readonly staleMs: number;
  /** How long a replica has for one batch of a re-wrap until another one takes over. */
  readonly leaseMs: number;
  /** How long a command waits for every replica to follow. */
  readonly settleMs: number;
  /** How long a process keeps a key in memory that is retired, for writes that were under way. */
  readonly asideMs: number;
  /** How often to look again for a key that the record names and no source has. */
  readonly missingMs: number;
}

export const TIMINGS: Timings = {
  pollMs: 1_000,
  beatMs: 2_000,
  staleMs: 10_000,
  leaseMs: 10_000,
  settleMs: 15_000,
  asideMs: 30_000,
  missingMs: 30_000,
};
