import type { QueryFilter } from 'mongoose';
import { type ExecutionKindName, PHASE } from './execution-kind';
import type { ExecutionDocument } from './execution-row';

/** What lists and checks are narrowed to. */
export interface ExecutionFilter {
  readonly kind?: ExecutionKindName;
  readonly template?: string;
  readonly instance?: string;
  readonly session?: string;
  /** Unspecified is any. */
  readonly phase?: number;
  /** All of them. */
  readonly tags?: readonly string[];
}

/** What finds them. */
export function queryOf({
  kind,
  template,
  instance,
  session,
  phase,
  tags = [],
}: ExecutionFilter): QueryFilter<ExecutionDocument> {
  const query = {
    ...{ kind, template, instance, session },
    phase: phase === PHASE.unspecified ? undefined : phase,
    ...(tags.length === 0 ? {} : { tags: { $all: [...tags] } }),
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}
