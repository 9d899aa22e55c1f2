import { isNativeError } from 'node:util/types';
import { pino, type DestinationStream, type Level, type Logger as PinoLogger } from 'pino';

/** Structured JSON lines on stdout. Log names and ids, never values. */
export type Logger = PinoLogger;

/** Fields that may hold what nobody should read in a log, wherever they are in an object. */
const WITHHELD_NAMES = new Set([
  'value',
  'values',
  'secret',
  'secrets',
  'authorization',
  'data',
  'token',
  'password',
]);
/** Errors whose message quotes the input that offended them. */
const QUOTING_ERRORS = new Set([
  'SyntaxError',
  'CastError',
  'ValidationError',
  'StrictModeError',
  'ZodError',
]);
const WITHHELD = '[redacted]';
const MAX_DEPTH = 8;

/** The logger of one service. */
export function createLogger(
  name: string,
  level: Level | 'silent',
  destination: DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: { service: name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // Errors are described by `redact`; pino's own serialiser would copy their every property.
      serializers: { err: (error: unknown) => error },
    },
    destination,
  );
}

/**
 * A copy that is safe to print. Redaction is by field name and by type: a `Secret` prints itself as `[secret]`
 * through its toJSON, bytes print as their length, and an error as its class, message, place and cause.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- Error.isError is not in our lib (es2024) yet
  if (isNativeError(value)) return describeError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (hasToJson(value)) return redact(value.toJSON(), depth + 1);
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      WITHHELD_NAMES.has(name.toLowerCase()) ? WITHHELD : redact(field, depth + 1),
    ]),
  );
}

function describeError(error: Error, depth: number): Readonly<Record<string, unknown>> {
  const code = (error as { readonly code?: unknown }).code;
  return {
    type: error.name,
    message: QUOTING_ERRORS.has(error.name) ? WITHHELD : error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    // The first lines of a stack repeat the message: keep the frames alone.
    stack: (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}

function hasToJson(value: object): value is { toJSON: () => unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
