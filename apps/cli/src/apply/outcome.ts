import type { Manifest } from '../manifest/read-resource';
import type { Change } from './diff';

export type Result =
  | 'created'
  | 'changed'
  | 'unchanged'
  | 'would be created'
  | 'would be changed'
  /** It depends on secrets that only the server can compare. */
  | 'may be changed'
  /** It refers to what is not there. */
  | 'would fail'
  | 'failed'
  /** An earlier failure made the rest pointless. */
  | 'not tried';

/** What became of one resource. */
export interface Outcome {
  readonly manifest: Manifest;
  readonly result: Result;
  readonly id?: string;
  /** Only of a dry run. */
  readonly changes?: readonly Change[];
  readonly error?: unknown;
}
