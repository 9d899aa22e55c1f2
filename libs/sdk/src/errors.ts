import { DomainError, GRPC_CODES, errorKindOf } from '@stigmer/domain';
import { errorStatus, statusDetails, type WireStatus } from '@stigmer/proto';

/** How a DomainError leaves a server. */
export function toStatus({ kind, message, violations }: DomainError): WireStatus {
  return errorStatus({ code: GRPC_CODES[kind], message, violations });
}

/**
 * How it arrives at a client: the DomainError again where the code is one that callers can act on. Everything else
 * (INTERNAL, CANCELLED, DEADLINE_EXCEEDED, what is no gRPC error at all) comes back as it was.
 */
export function fromServiceError(error: Error): Error {
  if (!isServiceError(error)) return error;
  const kind = errorKindOf(error.code);
  if (kind === undefined) return error;
  return new DomainError(kind, error.details, statusDetails(error), { cause: error });
}

function isServiceError(error: Error): error is Error & WireStatus {
  return 'code' in error && typeof error.code === 'number' && 'details' in error;
}
