import { status } from '@grpc/grpc-js';
import { DomainError, unavailable } from '@stigmer/domain';
import { fromServiceError } from '@stigmer/sdk';
import type { ServiceName } from './identity';

/**
 * What a failed call to another service means here. What a caller may act on passes as it is. A part that cannot be
 * reached, or is too slow, is `unavailable` by its name and not by its address. The rest is our own trouble: it
 * leaves as an internal error, and its cause goes to the log.
 */
export function fromDownstream(error: unknown, callee: ServiceName): Error {
  const known = error instanceof Error ? fromServiceError(error) : undefined;
  if (known instanceof DomainError) {
    return known.kind === 'unavailable'
      ? unavailable(`${callee} is unavailable`, [], { cause: error })
      : known;
  }
  const code = known !== undefined && 'code' in known ? known.code : undefined;
  if (code === status.DEADLINE_EXCEEDED || code === status.CANCELLED) {
    return unavailable(`${callee} did not answer in time`, [], { cause: error });
  }
  return new Error(`the call to ${callee} failed`, { cause: error });
}
