import { TaskFailure } from '../failure';
import { lex, type Token } from './lexer';

/** A text as a workflow writes it: literal stretches and `${ <jq> }` expressions, in order. */
export type Part = { readonly kind: 'literal'; readonly text: string } | Expression;

/** One `${ … }`: the jq program, and which of the run's variables it names. */
export interface Expression {
  readonly kind: 'expression';
  readonly program: string;
  readonly secrets: readonly string[];
  readonly envVars: readonly string[];
}

/**
 * What a program may not say. It runs where the runner runs, so nothing that looks outside its own data: no process
 * environment, no further input, no files, no printing, no ending of the interpreter.
 */
const FORBIDDEN_WORDS: ReadonlySet<string> = new Set([
  ...['env', 'input', 'inputs', 'input_filename', 'input_line_number', 'debug', 'stderr'],
  ...['get_search_list', 'include', 'import', 'modulemeta', 'halt', 'halt_error'],
]);
const FORBIDDEN_VARIABLES: ReadonlySet<string> = new Set(['$ENV', '$__loc__', '$__prog_args']);

const MAX_PROGRAM_LENGTH = 16 * 1024;

/** Splits a text at its expressions; `$${` is a literal `${`. Throws a TaskFailure that names the place, never a value. */
export function parseTemplate(text: string, path: string): readonly Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const start = text.indexOf('${', at);
    if (start === -1) break;
    if (start > 0 && text.charAt(start - 1) === '$') {
      literal += `${text.slice(at, start - 1)}\${`;
      at = start + 2;
      continue;
    }
    literal += text.slice(at, start);
    if (literal !== '') parts.push({ kind: 'literal', text: literal });
    literal = '';
    const expression = readExpression(text, start + 2, path);
    parts.push(expression.part);
    at = expression.end + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push({ kind: 'literal', text: literal });
  return parts;
}

function readExpression(text: string, start: number, path: string): { part: Expression; end: number } {
  const { tokens, end } = lexOrFail(text, start, path);
  if (text.charAt(end) !== '}') throw failed(path, 'an expression begins with ${ and is never closed with }');
  const program = text.slice(start, end).trim();
  if (tokens.length === 0) throw failed(path, 'the expression is empty');
  if (program.length > MAX_PROGRAM_LENGTH)
    throw failed(path, `the expression is longer than ${MAX_PROGRAM_LENGTH} characters`);
  refuseForbidden(tokens, path);
  return {
    part: {
      kind: 'expression',
      program,
      secrets: namesUnder('.secrets', tokens, path),
      envVars: namesUnder('.env_vars', tokens, path),
    },
    end,
  };
}

function lexOrFail(text: string, start: number, path: string) {
  try {
    return lex(text, start);
  } catch (error) {
    if (error instanceof SyntaxError) throw failed(path, error.message);
    throw error;
  }
}

function refuseForbidden(tokens: readonly Token[], path: string): void {
  for (const [index, token] of tokens.entries()) {
    const forbidden =
      (token.kind === 'word' && FORBIDDEN_WORDS.has(token.text) && !isObjectKey(tokens, index)) ||
      (token.kind === 'variable' && FORBIDDEN_VARIABLES.has(token.text));
    if (forbidden) throw failed(path, `${token.text} is not available in an expression`);
  }
}

/** `{input: 1}` is a key, not the function; what this cannot see, the definitions in `jq.ts` still stop. */
function isObjectKey(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  return (before === '{' || before === ',') && tokens[index + 1]?.text === ':';
}

/**
 * The names read from `.secrets` or `.env_vars`. Secrets must be named one by one, because a program is given exactly
 * those that its text names: whoever reads the workflow sees what it gets.
 */
function namesUnder(
  root: '.secrets' | '.env_vars',
  tokens: readonly Token[],
  path: string,
): readonly string[] {
  const names = new Set<string>();
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'field' || token.text !== root || continuesAValue(tokens[index - 1])) continue;
    const name = nameAfter(tokens, index + 1);
    if (name !== undefined) names.add(name);
    else if (root === '.secrets') throw failed(path, 'a secret is named in full, as in .secrets.NAME');
  }
  return [...names];
}

/** Whether a field after this token belongs to it, as in `$context.secrets` or `.input.secrets`. */
function continuesAValue(before: Token | undefined): boolean {
  if (before === undefined) return false;
  if (before.kind === 'symbol') return [')', ']', '}', '?', '.'].includes(before.text);
  // `and .secrets.A`: a keyword before a field does not own it, a function call cannot (`f.a` is no jq); so words never do.
  return before.kind !== 'word' && before.kind !== 'format';
}

/** `.NAME`, `["NAME"]` or `."NAME"`. */
function nameAfter(tokens: readonly Token[], at: number): string | undefined {
  const [first, second, third] = tokens.slice(at, at + 3);
  if (first?.kind === 'field') return first.text.slice(1);
  if (first?.text === '.' && second?.kind === 'string') return second.text;
  if (first?.text === '[' && second?.kind === 'string' && third?.text === ']') return second.text;
  return undefined;
}

function failed(path: string, reason: string): TaskFailure {
  return new TaskFailure('ExpressionFailed', `${path}: ${reason}`);
}
