import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { BadRequestSchema, PreconditionFailureSchema } from './gen/google/rpc/error_details_pb';
import { StatusSchema } from './gen/google/rpc/status_pb';

/**
 * An error's details on the wire: a `google.rpc.Status` in the trailer every gRPC library knows, so that clients in
 * other languages read them with their own tools.
 */
const TRAILER = 'grpc-status-details-bin';

/**
 * Trailers are small: Python and Java refuse more than about 8 KB of them, and base64 adds a third. What does not
 * fit is counted rather than sent.
 */
const MAX_DETAILS_BYTES = 4096;
const MAX_MESSAGE_BYTES = 2048;

const INVALID_ARGUMENT: number = grpc.status.INVALID_ARGUMENT;

/** One thing that is wrong: where, and what is allowed there. Never the value. */
export interface StatusViolation {
  readonly field: string;
  readonly description: string;
}

export interface ErrorStatus {
  readonly code: number;
  readonly message: string;
  readonly violations: readonly StatusViolation[];
}

/** What grpc-js sends at the end of a call. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}

/** The status to end a call with: INVALID_ARGUMENT carries a `BadRequest`, any other code a `PreconditionFailure`. */
export function errorStatus({ code, message, violations }: ErrorStatus): WireStatus {
  const metadata = new grpc.Metadata();
  if (violations.length > 0) {
    const details = violationsThatFit(violations);
    const status = create(StatusSchema, { code, message: '', details: [pack(code, details)] });
    metadata.set(TRAILER, Buffer.from(toBinary(StatusSchema, status)));
  }
  return { code, details: shorten(message), metadata };
}

/** The violations an error came with; none where the trailer is missing or is not what it should be. */
export function statusDetails(error: { readonly metadata?: grpc.Metadata }): readonly StatusViolation[] {
  const bytes = error.metadata?.get(TRAILER)[0];
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details.flatMap((detail) => [
      ...(anyUnpack(detail, BadRequestSchema)?.fieldViolations ?? []).map(({ field, description }) => ({
        field,
        description,
      })),
      ...(anyUnpack(detail, PreconditionFailureSchema)?.violations ?? []).map(({ subject, description }) => ({
        field: subject,
        description,
      })),
    ]);
  } catch {
    // Whoever answered is not one of ours: the code and the message still say what happened.
    return [];
  }
}

function pack(code: number, violations: readonly StatusViolation[]) {
  if (code === INVALID_ARGUMENT) {
    return anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...violations] }));
  }
  const preconditions = violations.map(({ field, description }) => ({ subject: field, description }));
  return anyPack(PreconditionFailureSchema, create(PreconditionFailureSchema, { violations: preconditions }));
}

function violationsThatFit(violations: readonly StatusViolation[]): readonly StatusViolation[] {
  let room = MAX_DETAILS_BYTES;
  const fitting = violations.findIndex(({ field, description }) => {
    room -= Buffer.byteLength(field) + Buffer.byteLength(description) + 8;
    return room < 0;
  });
  if (fitting === -1) return violations;
  const left = violations.length - fitting;
  return [...violations.slice(0, fitting), { field: '', description: `and ${left} more` }];
}

/** gRPC sends the message percent-encoded, so that is what counts; a character is never cut in two. */
function shorten(message: string): string {
  let room = MAX_MESSAGE_BYTES;
  let text = '';
  for (const character of message.toWellFormed()) {
    room -= encodeURI(character).length;
    if (room < 0) return `${text}…`;
    text += character;
  }
  return text;
}
