/**
 * A lexer for jq programs: just enough to find where `${ … }` ends and which names a program uses. Strings nest
 * (`"a \(.b) c"`), so it descends into their interpolations and yields those tokens too.
 */
export interface Token {
  /** `field` is `.name`, `variable` is `$name`, `word` is a function or keyword, `string` a literal's text. */
  readonly kind: 'field' | 'variable' | 'word' | 'string' | 'number' | 'format' | 'symbol';
  readonly text: string;
}

/** Where the program ended, and what it said. */
export interface Lexed {
  readonly tokens: readonly Token[];
  /** The index of the closing bracket that ended the program, or the text's length. */
  readonly end: number;
}

const OPENING = '([{';
const CLOSING = ')]}';
/** Strings in the interpolations of strings; nobody writes them deeper, and the stack is finite. */
const DEEPEST = 64;
const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['field', /\.[A-Za-z_]\w*/y],
  ['variable', /\$(?:\w+::)*[A-Za-z_]\w*/y],
  ['word', /(?:[A-Za-z_]\w*::)*[A-Za-z_]\w*/y],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['format', /@\w+/y],
];

/** Reads to the first closing bracket that was not opened in the text; throws a SyntaxError where a string never ends. */
export function lex(text: string): Lexed {
  const tokens: Token[] = [];
  return { tokens, end: readProgram(text, 0, tokens, 0) };
}

function readProgram(text: string, start: number, tokens: Token[], nesting: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const char = text.charAt(at);
    if (/\s/.test(char)) {
      at += 1;
    } else if (char === '#') {
      at = endOfComment(text, at);
    } else if (char === '"') {
      at = readString(text, at, tokens, nesting + 1);
    } else if (CLOSING.includes(char) && depth === 0) {
      return at;
    } else {
      if (OPENING.includes(char)) depth += 1;
      if (CLOSING.includes(char)) depth -= 1;
      const token = tokenAt(text, at);
      tokens.push(token);
      at += token.text.length;
    }
  }
  return at;
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { kind, text: match[0] };
  }
  return { kind: 'symbol', text: text.charAt(at) };
}

function endOfComment(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline;
}

/** Reads one string literal; the tokens of its interpolations follow its own, in brackets as jq sees them. */
function readString(text: string, start: number, tokens: Token[], nesting: number): number {
  if (nesting > DEEPEST) throw new SyntaxError(`strings in it are nested more than ${DEEPEST} deep`);
  const own = tokens.push({ kind: 'string', text: '' }) - 1;
  let literal = '';
  let at = start + 1;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"') {
      tokens[own] = { kind: 'string', text: literal };
      return at + 1;
    }
    if (char !== '\\') {
      literal += char;
      at += 1;
    } else if (text.charAt(at + 1) === '(') {
      tokens.push({ kind: 'symbol', text: '(' });
      at = readProgram(text, at + 2, tokens, nesting) + 1;
      tokens.push({ kind: 'symbol', text: ')' });
    } else {
      literal += text.slice(at, at + 2);
      at += 2;
    }
  }
  throw new SyntaxError('a string in it is never closed');
}
