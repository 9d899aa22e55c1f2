import { isVariableName } from './names';
import { suggest, suggestFew, type Suggest } from './suggest';

/** A piece of a text with placeholders; `column` counts from 1. */
export type PlaceholderPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback?: string; readonly column: number };

export interface PlaceholderProblem {
  readonly code: 'bad-placeholder' | 'unknown-variable';
  readonly column: number;
  readonly name?: string;
  readonly message: string;
  readonly hint?: string;
}

export interface ParsedPlaceholders {
  readonly parts: readonly PlaceholderPart[];
  readonly problems: readonly PlaceholderProblem[];
}

/** `$${`, or `${` with all that follows up to its `}`. A default ends at the first `}`. */
const MARKUP = /\$\$\{|\$\{([^}]*)(\}?)/g;
const CONTENT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Splits a text into literal pieces and placeholders. Whatever begins `${` and is no placeholder is a problem,
 * and is in no part: a text with problems must not be used. Problems never quote the text, for it may hold
 * what somebody took for the place of a secret.
 */
export function parsePlaceholders(text: string): ParsedPlaceholders {
  const parts: PlaceholderPart[] = [];
  const problems: PlaceholderProblem[] = [];
  let literal = '';
  let end = 0;
  const flush = () => {
    if (literal !== '') parts.push({ kind: 'text', text: literal });
    literal = '';
  };
  for (const match of text.matchAll(MARKUP)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[1] === undefined) {
      literal += '${';
      continue;
    }
    const parsed = parseOne(match[1], match[2] === '}', match.index + 1);
    if ('code' in parsed) {
      problems.push(parsed);
    } else {
      flush();
      parts.push(parsed);
    }
  }
  literal += text.slice(end);
  flush();
  return { parts, problems };
}

function parseOne(
  content: string,
  closed: boolean,
  column: number,
): (PlaceholderPart & { kind: 'variable' }) | PlaceholderProblem {
  if (!closed)
    return bad(
      column,
      'a placeholder that begins here is never closed',
      'end it with }, or write $${ for a literal ${',
    );
  const [, name, fallback] = CONTENT.exec(content) ?? [];
  if (name === undefined || !isVariableName(name)) {
    return bad(
      column,
      'what begins here is no placeholder',
      'write ${NAME} or ${NAME:-default}, or $${ for a literal ${',
    );
  }
  if (fallback?.includes('${') === true) {
    return bad(
      column,
      'the default of a placeholder cannot hold another placeholder',
      'give the variable a value instead',
    );
  }
  return { kind: 'variable', name, column, ...(fallback === undefined ? {} : { fallback }) };
}

function bad(column: number, message: string, hint: string): PlaceholderProblem {
  return { code: 'bad-placeholder', column, message, hint };
}

/** A text with its placeholders filled in; secret as soon as one variable in it is. */
export interface ResolvedText {
  readonly text: string;
  readonly secret: boolean;
}

export type Substitution =
  | ({ readonly ok: true } & ResolvedText)
  | { readonly ok: false; readonly problems: readonly PlaceholderProblem[] };

/**
 * Fills the placeholders of a text in. Values are inserted as they are and never scanned again. As in a shell,
 * a default stands in for a variable that is absent or empty. Either all of the text is resolved or none.
 */
export function substitute(text: string, values: ReadonlyMap<string, ResolvedText>): Substitution {
  const { parts, problems } = parsePlaceholders(text);
  const near = suggestFew();
  const unknown = parts.flatMap((part) => unknownVariable(part, values, near));
  if (problems.length + unknown.length > 0)
    return { ok: false, problems: inOrder([...problems, ...unknown]) };
  const pieces = parts.map((part): ResolvedText => {
    if (part.kind === 'text') return { text: part.text, secret: false };
    const value = values.get(part.name);
    const filled = value === undefined || value.text === '' ? (part.fallback ?? '') : value.text;
    return { text: filled, secret: value?.secret === true };
  });
  return {
    ok: true,
    text: pieces.map((piece) => piece.text).join(''),
    secret: pieces.some(({ secret }) => secret),
  };
}

/** The problem of a placeholder whose variable does not exist and that has no default. */
export function unknownVariable(
  part: PlaceholderPart,
  known: ReadonlyMap<string, unknown>,
  near: Suggest = suggest,
): readonly PlaceholderProblem[] {
  if (part.kind === 'text' || part.fallback !== undefined || known.has(part.name)) return [];
  const meant = near(part.name, known.keys());
  return [
    {
      code: 'unknown-variable',
      column: part.column,
      name: part.name,
      message: `${part.name} is not a variable of this run`,
      hint:
        meant === undefined
          ? 'declare it in the template and set it, or give a default'
          : `did you mean ${meant}?`,
    },
  ];
}

function inOrder(problems: readonly PlaceholderProblem[]): readonly PlaceholderProblem[] {
  return problems.toSorted((a, b) => a.column - b.column);
}
