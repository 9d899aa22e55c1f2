/**
 * The one typed error of the system. Services throw it, one filter maps it to a gRPC status, one function maps
 * it back. No message and no violation ever carries a value: they name things by id, key, field or line.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly violations: readonly Violation[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a caller can act on; everything else is an internal error. */
export type ErrorKind = keyof typeof GRPC_CODES;

/** One thing that is wrong: where (a field's path, a variable, a line), and what is allowed there. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** The kinds and their gRPC status codes, as numbers, so that servers and clients share one table. */
export const GRPC_CODES = {
  'invalid-argument': 3,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  aborted: 10,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const KIND_OF_CODE = new Map<number, ErrorKind>(
  (Object.keys(GRPC_CODES) as ErrorKind[]).map((kind) => [GRPC_CODES[kind], kind]),
);

/** The kind of a gRPC status code, or undefined where callers have nothing to act on. */
export function errorKindOf(grpcCode: number): ErrorKind | undefined {
  return KIND_OF_CODE.get(grpcCode);
}

/** `Environment not found: <ref>` */
export function notFound(kind: string, ref: string): DomainError {
  return new DomainError('not-found', `${kind} not found: ${ref}`);
}

export const invalidArgument = constructorOf('invalid-argument');
export const alreadyExists = constructorOf('already-exists');
export const permissionDenied = constructorOf('permission-denied');
export const resourceExhausted = constructorOf('resource-exhausted');
export const failedPrecondition = constructorOf('failed-precondition');
export const aborted = constructorOf('aborted');
export const unavailable = constructorOf('unavailable');
export const unauthenticated = constructorOf('unauthenticated');

/** A message names so many faults at most; who sent thousands needs no list of them all, and no frame holds it. */
const REPORTED = 20;

/** INVALID_ARGUMENT for the faults of one request, reported together. */
export function invalidArguments(violations: readonly Violation[]): DomainError {
  const reported = violations.slice(0, REPORTED);
  const more = violations.length - reported.length;
  const list = reported.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return invalidArgument(more > 0 ? `${list}; and ${more} more` : list, reported);
}

function constructorOf(kind: ErrorKind) {
  return (message: string, violations: readonly Violation[] = [], options?: ErrorOptions): DomainError =>
    new DomainError(kind, message, violations, options);
}
