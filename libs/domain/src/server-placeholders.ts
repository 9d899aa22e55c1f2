import { type Diagnostic, errorOf } from './diagnostic';
import {
  parsePlaceholders,
  type PlaceholderProblem,
  type ResolvedText,
  substitute,
  unknownVariable,
} from './placeholder';
import { suggestFew, type Suggest } from './suggest';

/** The texts of one MCP server definition, and which of them may hold placeholders. */
export interface ServerPlaceholders {
  readonly name: string;
  readonly fields: readonly ServerField[];
}

export interface ServerField {
  /** `headers.Authorization`, `env_placeholders.TOKEN`, `args[2]` */
  readonly field: string;
  readonly text: string;
  readonly allowed: boolean;
}

/** What is known of a variable before a run: its value is not needed to check a definition. */
export interface KnownVariable {
  readonly secret: boolean;
}

/**
 * All problems of a server definition. `absent` are declared variables that no layer gives (`Merged.absent`):
 * a required one is reported by the merge already, so it is not reported again here. `near` finds the names that
 * were meant; several servers of one request share one.
 */
export function checkServer(
  server: ServerPlaceholders,
  known: ReadonlyMap<string, KnownVariable>,
  absent: ReadonlyMap<string, 'required' | 'optional'> = new Map(),
  near: Suggest = suggestFew(),
): readonly Diagnostic[] {
  return server.fields.flatMap(({ field, text, allowed }) =>
    allowed
      ? fieldProblems(text, known, absent, near).map((problem) => diagnosticOf(server.name, field, problem))
      : misplaced(server.name, field, text, known),
  );
}

/**
 * The texts that may hold placeholders, by field, filled in for a run. Throws FAILED_PRECONDITION with all
 * problems of the server: a definition is started whole or not at all.
 */
export function resolveServer(
  server: ServerPlaceholders,
  values: ReadonlyMap<string, ResolvedText>,
): ReadonlyMap<string, ResolvedText> {
  const resolved = new Map<string, ResolvedText>();
  const diagnostics: Diagnostic[] = [];
  for (const { field, text, allowed } of server.fields) {
    if (!allowed) {
      diagnostics.push(...misplaced(server.name, field, text, values));
      continue;
    }
    const filled = substitute(text, values);
    if (filled.ok) resolved.set(field, { text: filled.text, secret: filled.secret });
    else diagnostics.push(...filled.problems.map((problem) => diagnosticOf(server.name, field, problem)));
  }
  const error = errorOf(diagnostics);
  if (error !== undefined) throw error;
  return resolved;
}

function fieldProblems(
  text: string,
  known: ReadonlyMap<string, KnownVariable>,
  absent: ReadonlyMap<string, 'required' | 'optional'>,
  near: Suggest,
): readonly PlaceholderProblem[] {
  const { parts, problems } = parsePlaceholders(text);
  const unknown = parts
    .flatMap((part) => unknownVariable(part, known, near))
    .filter(({ name = '' }) => absent.get(name) !== 'required')
    .map((problem) => (absent.has(problem.name ?? '') ? notGiven(problem) : problem));
  return [...problems, ...unknown].sort((a, b) => a.column - b.column);
}

function notGiven(problem: PlaceholderProblem): PlaceholderProblem {
  const name = problem.name ?? '';
  return {
    ...problem,
    message: `${name} is optional and not given`,
    hint: `write \${${name}:-default}, or set it`,
  };
}

/** In a command, an argument, a URL or a name every `${` is refused: those are listed, logged and cached. */
function misplaced(
  server: string,
  field: string,
  text: string,
  known: ReadonlyMap<string, KnownVariable>,
): readonly Diagnostic[] {
  const at = text.indexOf('${');
  if (at === -1) return [];
  const { parts } = parsePlaceholders(text);
  const secret = parts.find((part) => part.kind === 'variable' && known.get(part.name)?.secret === true);
  return [
    {
      code: secret === undefined ? 'placeholder-not-allowed' : 'secret-not-allowed',
      severity: 'error',
      server,
      field,
      ...(secret?.kind === 'variable' ? { variable: secret.name } : {}),
      message: `column ${at + 1}: ${secret === undefined ? 'a placeholder' : 'a secret'} cannot be used here`,
      hint: 'placeholders belong in env_placeholders, headers and query_params',
    },
  ];
}

function diagnosticOf(server: string, field: string, problem: PlaceholderProblem): Diagnostic {
  return {
    code: problem.code,
    severity: 'error',
    server,
    field,
    ...(problem.name === undefined ? {} : { variable: problem.name }),
    message: `column ${problem.column}: ${problem.message}`,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  };
}
