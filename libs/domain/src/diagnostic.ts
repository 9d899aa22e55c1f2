import { type DomainError, failedPrecondition } from './errors';

/** One finding about a run's configuration. Findings are collected, so that a user sees all of them at once. */
export interface Diagnostic {
  /** What kind of finding, for programs: `missing-variable`, `unknown-variable`, … */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** The MCP server it is about, where it is about one. */
  readonly server?: string;
  readonly field?: string;
  readonly variable?: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** One FAILED_PRECONDITION that lists every error among the diagnostics; undefined where there is none. */
export function errorOf(diagnostics: readonly Diagnostic[]): DomainError | undefined {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return undefined;
  const violations = errors.map((diagnostic) => ({
    field: placeOf(diagnostic),
    description: sentenceOf(diagnostic),
  }));
  const lines = violations.map(({ field, description }) =>
    field === '' ? description : `${field}: ${description}`,
  );
  return failedPrecondition(`the run cannot start:\n- ${lines.join('\n- ')}`, violations);
}

function placeOf({ server, field, variable }: Diagnostic): string {
  const place = [server, field].filter((part) => part !== undefined && part !== '').join(' ');
  return place === '' ? (variable ?? '') : place;
}

function sentenceOf({ message, hint }: Diagnostic): string {
  return hint === undefined || hint === '' ? message : `${message}; ${hint}`;
}
