import type { QueryFilter } from 'mongoose';
import { badToken } from '../resources/paging';
import type { ExecutionDocument, ExecutionRow } from './execution-row';

/** Who is asked for: those of one organization, and of these only some. */
export interface EnvironmentUsers {
  readonly org: string;
  readonly environment: string;
  /** Only those that got this variable from there; empty is any. */
  readonly key: string;
  /** Also those that have ended. */
  readonly ended: boolean;
}

/** Where a page ended, which is where the next one begins. */
export function positionOf({ _id, createdAt }: ExecutionRow): string {
  return `${createdAt.getTime()} ${_id}`;
}

/** What finds them, from behind the position on. */
export function environmentUsers(
  { org, environment, key, ended }: EnvironmentUsers,
  after: string | undefined,
): QueryFilter<ExecutionDocument> {
  return {
    org,
    // Said twice: this is what the index is on.
    'uses.environment': environment,
    uses: { $elemMatch: { environment, ...(key === '' ? {} : { keys: key }) } },
    ...(ended ? {} : { open: true }),
    ...(after === undefined ? {} : olderThan(after)),
  };
}

function olderThan(position: string): QueryFilter<ExecutionDocument> {
  const [time = '', id = ''] = position.split(' ');
  const createdAt = new Date(Number(time));
  if (Number.isNaN(createdAt.getTime())) throw badToken('is not a token of this list');
  return { $or: [{ createdAt: { $lt: createdAt } }, { createdAt, _id: { $lt: id } }] };
}
