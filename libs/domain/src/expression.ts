import { lex, type Lexed, type Token } from './expression-lexer';

/** A piece of a text as a workflow writes it: a literal stretch or one `${ <jq> }`. */
export type ExpressionPart = { readonly kind: 'literal'; readonly text: string } | Expression;

/** One `${ … }`: the jq program, and which of the run's variables it names. */
export interface Expression {
  readonly kind: 'expression';
  readonly program: string;
  readonly secrets: readonly string[];
  readonly envVars: readonly string[];
}

/** The parts of a text in order, or why it cannot be evaluated: a sentence that names no place and quotes nothing. */
export type ParsedExpressions =
  | { readonly ok: true; readonly parts: readonly ExpressionPart[] }
  | { readonly ok: false; readonly problem: string };

/**
 * What a program may not say. It runs where the runner runs, so nothing that looks outside its own data: no process
 * environment, no further input, no files, no printing, no ending of the interpreter.
 */
const FORBIDDEN_WORDS: ReadonlySet<string> = new Set([
  ...['env', 'input', 'inputs', 'input_filename', 'input_line_number', 'debug', 'stderr'],
  ...['get_search_list', 'include', 'import', 'modulemeta', 'halt', 'halt_error'],
]);
const FORBIDDEN_VARIABLES: ReadonlySet<string> = new Set(['$ENV', '$__loc__', '$__prog_args']);

const LONGEST_PROGRAM = 16 * 1024;

/** Why a text has no parts; it never leaves this file, where its message becomes the problem. */
class ExpressionProblem extends Error {}

/**
 * Splits a text at its expressions; `$${` is a literal `${`. What checks a workflow and what runs it both read it
 * with this, so that nothing is admitted which then cannot run.
 */
export function parseExpressions(text: string): ParsedExpressions {
  try {
    return { ok: true, parts: partsOf(text) };
  } catch (error) {
    if (error instanceof ExpressionProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

/** The expression that is all of a text; undefined where there is literal text or another expression besides. */
export function onlyExpression([first, ...more]: readonly ExpressionPart[]): Expression | undefined {
  return first?.kind === 'expression' && more.length === 0 ? first : undefined;
}

function partsOf(text: string): readonly ExpressionPart[] {
  const parts: ExpressionPart[] = [];
  let literal = '';
  let at = 0;
  for (let start = text.indexOf('${'); start !== -1; start = text.indexOf('${', at)) {
    if (text.charAt(start - 1) === '$') {
      literal += `${text.slice(at, start - 1)}\${`;
      at = start + 2;
      continue;
    }
    literal += text.slice(at, start);
    if (literal !== '') parts.push({ kind: 'literal', text: literal });
    literal = '';
    const { expression, length } = readExpression(text.slice(start + 2, start + 2 + LONGEST_PROGRAM + 1));
    parts.push(expression);
    at = start + 2 + length + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push({ kind: 'literal', text: literal });
  return parts;
}

/** Reads what follows a `${`, cut where the longest program would have ended. */
function readExpression(text: string): { readonly expression: Expression; readonly length: number } {
  const { tokens, end } = lexed(text);
  if (text.charAt(end) !== '}') throw end < text.length ? neverClosed() : unfinished(text);
  if (tokens.length === 0) throw new ExpressionProblem('the expression is empty');
  refuseForbidden(tokens);
  const [secrets, envVars] = [namesUnder('.secrets', tokens), namesUnder('.env_vars', tokens)];
  return {
    expression: { kind: 'expression', program: text.slice(0, end).trim(), secrets, envVars },
    length: end,
  };
}

function lexed(text: string): Lexed {
  try {
    return lex(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw text.length > LONGEST_PROGRAM ? unfinished(text) : new ExpressionProblem(error.message);
  }
}

function unfinished(text: string): ExpressionProblem {
  return text.length > LONGEST_PROGRAM
    ? new ExpressionProblem(
        `an expression is longer than ${LONGEST_PROGRAM} characters, or never closed with }`,
      )
    : neverClosed();
}

function neverClosed(): ExpressionProblem {
  return new ExpressionProblem('an expression begins with ${ and is never closed with }');
}

function refuseForbidden(tokens: readonly Token[]): void {
  for (const [index, token] of tokens.entries()) {
    const forbidden =
      (token.kind === 'word' && FORBIDDEN_WORDS.has(token.text) && !isObjectKey(tokens, index)) ||
      (token.kind === 'variable' && FORBIDDEN_VARIABLES.has(token.text));
    if (forbidden) throw new ExpressionProblem(`${token.text} is not available in an expression`);
  }
}

/** `{input: 1}` is a key, not the function; what this cannot see, the runner's own definitions still stop. */
function isObjectKey(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  return (before === '{' || before === ',') && tokens[index + 1]?.text === ':';
}

/**
 * The names read from `.secrets` or `.env_vars`. Secrets must be named one by one, because a program is given exactly
 * those that its text names: whoever reads the workflow sees what it gets.
 */
function namesUnder(root: '.secrets' | '.env_vars', tokens: readonly Token[]): readonly string[] {
  const names = new Set<string>();
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'field' || token.text !== root || continuesAValue(tokens[index - 1])) continue;
    const name = nameAfter(tokens, index + 1);
    if (name !== undefined) names.add(name);
    else if (root === '.secrets')
      throw new ExpressionProblem('a secret is named in full, as in .secrets.NAME');
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
