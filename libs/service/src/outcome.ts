import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { DomainError } from '@stigmer/domain';
import { errorStatus } from '@stigmer/proto';
import { toStatus } from '@stigmer/sdk';
import type { Logger } from './logger';

/**
 * How a failed call ends, and the only way an error leaves a service. What a caller may act on is a DomainError and
 * keeps its words; anything else stays here, in the log, under an id that the caller is given.
 */
export function outcomeOf(error: unknown, path: string, log: Logger) {
  if (error instanceof DomainError) {
    // Only a part that is down is news to an operator; the rest is between caller and contract.
    const level = error.kind === 'unavailable' ? 'warn' : 'debug';
    log[level](
      { path, kind: error.kind, ...(error.cause === undefined ? {} : { err: error.cause }) },
      'call refused',
    );
    return toStatus(error);
  }
  const id = randomUUID();
  log.error({ path, errorId: id, err: error }, 'internal error');
  return errorStatus({ code: status.INTERNAL, message: `internal error (id ${id})`, violations: [] });
}
