import { Schema } from 'mongoose';
import type { ExecutionKindName } from './execution-kind';

/**
 * How far a start has come: the row is stored, its context exists, Temporal has the workflow. What a crash leaves
 * behind is settled by this.
 */
export type StartStep = 'stored' | 'prepared' | 'started';

/** An execution beside its message: what it is found by, and how far its start has come. */
export interface ExecutionRow {
  readonly _id: string;
  readonly kind: ExecutionKindName;
  readonly org: string;
  readonly template: string;
  readonly instance: string;
  readonly session?: string;
  readonly tags: readonly string[];
  readonly phase: number;
  readonly open: boolean;
  /** Counts the writes of the message; the compare-and-swap of every write. */
  readonly revision: number;
  readonly creator: string;
  /** Of the request without the values of its secrets. The digest with them is kept in the sealed context alone. */
  readonly contentDigest: string;
  readonly step: StartStep;
  readonly createdAt: Date;
  /** When the sweep may look at the row. Whoever takes it moves this on, which keeps the others away: the lease. */
  readonly checkAt: Date;
  /** Since when Temporal has been saying that there is no such workflow. */
  readonly missingSince?: Date;
  readonly contextExpiresAt?: Date;
}

/** What a run was given of one environment. */
export interface EnvironmentUse {
  readonly environment: string;
  readonly revision: string;
  /** The variables whose values it got from there, in their order. */
  readonly keys: readonly string[];
}

/** A row with what its run was given. */
export interface UsingRow extends ExecutionRow {
  /** Known once the context is made. */
  readonly uses?: readonly EnvironmentUse[];
}

/** A row with its message and its snapshot: all of an execution. */
export interface ExecutionDocument extends UsingRow {
  readonly message: Buffer;
  readonly snapshot: Buffer;
}

/** A row and its message. */
export interface StoredExecution<E> {
  readonly row: ExecutionRow;
  readonly execution: E;
}

const useSchema = new Schema<EnvironmentUse>(
  { environment: String, revision: String, keys: [String] },
  { _id: false },
);

export const executionSchema = new Schema<ExecutionDocument>(
  {
    _id: String,
    kind: String,
    org: String,
    template: String,
    instance: String,
    session: String,
    tags: [String],
    phase: Number,
    open: Boolean,
    revision: Number,
    creator: String,
    contentDigest: String,
    step: String,
    createdAt: Date,
    checkAt: Date,
    missingSince: Date,
    contextExpiresAt: Date,
    message: Buffer,
    snapshot: Buffer,
    uses: [useSchema],
  },
  { versionKey: false },
)
  .index({ kind: 1, createdAt: -1, _id: -1 })
  .index({ template: 1, createdAt: -1 })
  .index({ session: 1, createdAt: -1 })
  .index({ instance: 1, open: 1 })
  .index({ open: 1, checkAt: 1 })
  .index({ 'uses.environment': 1, createdAt: -1, _id: -1 });
