/** What a key is for: it wraps, it only unwraps, it is needed and not here, it is over. */
export type KeyState = 'active' | 'standby' | 'missing' | 'retired';

export interface KeyStatus {
  readonly id: string;
  readonly state: KeyState;
  readonly documents: number;
  readonly addedAt?: Date;
  readonly promotedAt?: Date;
  readonly retiredAt?: Date;
  /** How many of the live replicas hold it. */
  readonly holders: number;
}

/** How far a re-wrap has come. */
export interface RewrapStatus {
  readonly running: boolean;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly startedAt: Date;
  readonly finishedAt?: Date;
}

export interface ReplicaStatus {
  readonly id: string;
  readonly active: string;
  readonly seenAt: Date;
}

/** The keys of one ring, and what depends on each. */
export interface RingStatus {
  readonly ring: 'environment' | 'context';
  readonly sources: readonly string[];
  /** The active one first, then the newest first. */
  readonly keys: readonly KeyStatus[];
  readonly documents: number;
  readonly legacyValues: number;
  readonly rewrap?: RewrapStatus;
  readonly replicas: readonly ReplicaStatus[];
}
