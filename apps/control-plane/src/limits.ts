/** How long things may take. One place, so that a test can run days in seconds. */
export class Limits {
  /** The longest that a run's context may live, renewals included. */
  readonly contextMaxLifetimeMs: number = 7 * 24 * 3_600_000;
  /** How long one renewal keeps a context. */
  readonly leaseMs: number = 24 * 3_600_000;
  /** A context is renewed once it has this much less than a lease left. */
  readonly renewAfterMs: number = 3_600_000;
  /** How often the sweep looks, and how long a row that it has looked at is left alone. */
  readonly sweepIntervalMs: number = 30_000;
  /** How long a start may take before the sweep thinks it interrupted; longer than all its deadlines together. */
  readonly startGraceMs: number = 30_000;
  /** How often a subscription reads, hints or none. */
  readonly rereadMs: number = 2_000;
  /** The deadline of one call to Temporal, to the resolver, to the context service. */
  readonly callMs: number = 4_000;

  constructor(overrides: Partial<Limits> = {}) {
    Object.assign(this, overrides);
  }

  /** Until when a context of a run that began at `createdAt` may be kept, as seen `now`. */
  leaseEnd(createdAt: Date, now: Date): Date {
    return new Date(Math.min(now.getTime() + this.leaseMs, createdAt.getTime() + this.contextMaxLifetimeMs));
  }
}
