import { DomainError, type ErrorKind, type Violation } from '@stigmer/domain';
import { createColors } from 'picocolors';
import { ApplyError } from '../apply/apply-error';
import { ExitCode } from '../exit-codes';
import type { Io } from '../io';
import { printable } from '../io';
import { formatProblem, ManifestError } from '../manifest/problem';
import { UsageError } from '../usage-error';
import type { Format } from '../context';

/** An error as the user meets it: one sentence, what exactly is wrong, what to do, and the exit code. */
interface Report {
  readonly code: string;
  readonly message: string;
  readonly details: readonly string[];
  readonly hint?: string;
  readonly exit: ExitCode;
}

const EXITS: Record<ErrorKind, ExitCode> = {
  'invalid-argument': ExitCode.usage,
  'not-found': ExitCode.notFound,
  'already-exists': ExitCode.refused,
  'failed-precondition': ExitCode.refused,
  aborted: ExitCode.refused,
  'resource-exhausted': ExitCode.refused,
  'permission-denied': ExitCode.notAllowed,
  unauthenticated: ExitCode.notAllowed,
  unavailable: ExitCode.unavailable,
};

const HINTS: Partial<Record<ErrorKind, string>> = {
  unavailable: 'is the server running? `stigmer server status` says, `stigmer server start` starts it',
  aborted: 'somebody else changed it meanwhile: `stigmer get` it again and repeat the change',
};

/** Writes an error to the standard error, for people or as JSON, and returns the exit code. */
export function reportError(error: unknown, io: Io, format: Format, colour: boolean): ExitCode {
  const report = describe(error);
  if (format === 'json') {
    const { code, message, details, hint } = report;
    io.stderr.write(`${JSON.stringify({ error: { code, message, details, hint } }, null, 2)}\n`);
  } else {
    const { bold, red } = createColors(colour && io.stderr.isTTY === true);
    const lines = [
      `${bold(red('error:'))} ${printable(report.message)}`,
      // A single violation often is the message too.
      ...report.details
        .filter((detail) => detail !== report.message)
        .map((detail) => `  ${printable(detail)}`),
      ...(report.hint === undefined ? [] : [`hint: ${report.hint}`]),
    ];
    io.stderr.write(`${lines.join('\n')}\n`);
  }
  return report.exit;
}

function describe(error: unknown): Report {
  if (error instanceof UsageError) {
    return { code: 'USAGE', message: error.message, details: [], hint: error.hint, exit: ExitCode.usage };
  }
  if (error instanceof ManifestError) {
    const details = error.problems.map(formatProblem);
    const { message, hint } = error;
    return { code: 'INVALID_FILE', message, details, hint, exit: ExitCode.usage };
  }
  if (error instanceof ApplyError) {
    const exit = error.kind === undefined ? ExitCode.failed : EXITS[error.kind];
    return { code: 'NOT_APPLIED', message: error.message, details: error.problems.map(formatProblem), exit };
  }
  if (error instanceof DomainError) {
    const { kind, message, violations } = error;
    return {
      code: kind.replaceAll('-', '_').toUpperCase(),
      message: firstLine(message, violations),
      details: violations.map(formatViolation),
      hint: HINTS[kind],
      exit: EXITS[kind],
    };
  }
  return unexpected(error);
}

/** The server's messages list their violations as well, for clients that show only those; here once is enough. */
function firstLine(message: string, violations: readonly Violation[]): string {
  return violations.length === 0 ? message : (message.split('\n')[0] ?? message);
}

function formatViolation({ field, description }: Violation): string {
  // Some descriptions begin with what they are about, since they are also read without the field.
  return field === '' || description.startsWith(`${field} `) ? description : `${field}: ${description}`;
}

function unexpected(error: unknown): Report {
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, details: [], exit: ExitCode.failed };
}
