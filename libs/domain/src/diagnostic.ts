import { type DomainError, failedPrecondition } from './errors';

/** One finding about a run's configuration. Findings are collected, so that a user sees all of them at once. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  /** The MCP server it is about, where it is about one. */
  readonly server?: string;
  readonly field?: string;
  readonly variable?: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

export type DiagnosticCode =
  | 'missing-variable'
  | 'unknown-variable'
  | 'bad-placeholder'
  | 'placeholder-not-allowed'
  | 'secret-not-allowed'
  | 'plain-variable-as-secret'
  | 'secret-as-plain-variable'
  | 'missing-environment'
  | 'weak-secret';

/** One FAILED_PRECONDITION that lists every error among the diagnostics; undefined where there is none. */
export function errorOf(
  diagnostics: readonly Pick<Diagnostic, 'severity' | 'server' | 'field' | 'variable' | 'message' | 'hint'>[],
): DomainError | undefined {
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

function placeOf({ server, field, variable }: Pick<Diagnostic, 'server' | 'field' | 'variable'>): string {
  const place = [server, field].filter((part) => part !== undefined && part !== '').join(' ');
  return place === '' ? (variable ?? '') : place;
}

function sentenceOf({ message, hint }: Pick<Diagnostic, 'message' | 'hint'>): string {
  return hint === undefined || hint === '' ? message : `${message}; ${hint}`;
}
