/** The variables that a text's `${ <jq> }` expressions name. */
export interface ExpressionUses {
  readonly secrets: readonly SecretUse[];
  readonly envVars: readonly string[];
  /** Why the text cannot be evaluated. */
  readonly problem?: string;
  /** Whether the text is one expression and nothing else. */
  readonly whole: boolean;
}

export interface SecretUse {
  readonly name: string;
  /** The literal text before the expression; undefined where another expression comes first. */
  readonly prefix: string | undefined;
}

interface Program {
  /** Index of what ended the program: its closing bracket, or the text's end. */
  readonly end: number;
  /** Names begin with a letter, `$` or `.`; string literals with `"`. */
  readonly tokens: readonly string[];
}

const TOKEN = /\.[A-Za-z_]\w*|\$?[A-Za-z_]\w*|@\w+|\d+(?:\.\d*)?|[^\s]/y;
/** After these a field belongs to what stands before it, as in `$context.secrets`. */
const ENDS_A_VALUE = /^(?:[)\]}?.]|[.$"\d].*)$/s;

/** Finds the expressions of a text; `$${` is a literal `${`. Never quotes the text: it may hold what should be a secret. */
export function expressionUses(text: string): ExpressionUses {
  const secrets: SecretUse[] = [];
  const envVars: string[] = [];
  let whole = false;
  let expressions = 0;
  let at = 0;
  for (let start = text.indexOf('${'); start !== -1; start = text.indexOf('${', at)) {
    if (text[start - 1] === '$') {
      at = start + 2;
      continue;
    }
    const { tokens, end } = readProgram(text, start + 2);
    if (text[end] !== '}')
      return { secrets, envVars, whole, problem: 'an expression begins with ${ and is never closed with }' };
    if (tokens.length === 0) return { secrets, envVars, whole, problem: 'an expression is empty' };
    const prefix = expressions === 0 ? text.slice(0, start) : undefined;
    expressions += 1;
    for (const name of namesUnder('.secrets', tokens)) {
      if (name === undefined)
        return { secrets, envVars, whole, problem: 'a secret is named in full, as in .secrets.NAME' };
      secrets.push({ name, prefix });
    }
    envVars.push(...namesUnder('.env_vars', tokens).filter((name) => name !== undefined));
    whole = start === 0 && end === text.length - 1;
    at = end + 1;
  }
  return { secrets, envVars, whole };
}

/** Reads a jq program to the bracket that closes what was open before it. */
function readProgram(text: string, start: number): Program {
  const tokens: string[] = [];
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const char = text.charAt(at);
    if (/\s/.test(char)) {
      at += 1;
    } else if (char === '#') {
      const newline = text.indexOf('\n', at);
      at = newline === -1 ? text.length : newline;
    } else if (char === '"') {
      at = readString(text, at, tokens);
    } else if (')]}'.includes(char) && depth === 0) {
      return { tokens, end: at };
    } else {
      if ('([{'.includes(char)) depth += 1;
      if (')]}'.includes(char)) depth -= 1;
      TOKEN.lastIndex = at;
      const token = TOKEN.exec(text)?.[0] ?? char;
      tokens.push(token);
      at += token.length;
    }
  }
  return { tokens, end: at };
}

/** Reads a string literal; the programs in its `\( )` follow it as tokens of their own. */
function readString(text: string, start: number, tokens: string[]): number {
  const own = tokens.push('"') - 1;
  let literal = '"';
  let at = start + 1;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\' && text[at + 1] === '(') {
      const inner = readProgram(text, at + 2);
      tokens.push('(', ...inner.tokens, ')');
      at = inner.end + 1;
    } else {
      const length = text[at] === '\\' ? 2 : 1;
      literal += text.slice(at, at + length);
      at += length;
    }
  }
  tokens[own] = literal;
  return at + 1;
}

/** What is read from `.secrets` or `.env_vars`: names, and undefined for the whole of it or a computed name. */
function namesUnder(root: string, tokens: readonly string[]): readonly (string | undefined)[] {
  return tokens.flatMap((token, index) => {
    const before = tokens[index - 1];
    if (token !== root || (before !== undefined && ENDS_A_VALUE.test(before))) return [];
    const [first = '', second = '', third = ''] = tokens.slice(index + 1, index + 4);
    if (/^\.\w/.test(first)) return [first.slice(1)];
    if (first === '.' && second.startsWith('"')) return [second.slice(1)];
    if (first === '[' && second.startsWith('"') && third === ']') return [second.slice(1)];
    return [undefined];
  });
}
