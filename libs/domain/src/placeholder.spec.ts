import fc from 'fast-check';
import { parsePlaceholders, type PlaceholderPart, substitute } from './placeholder';

const VALUES = new Map([
  ['USER', { text: 'ann', secret: false }],
  ['TOKEN', { text: 's3cret', secret: true }],
  ['EMPTY', { text: '', secret: false }],
  ['CODE', { text: '${USER}$${', secret: false }],
]);

describe('substitute', () => {
  test.each([
    ['plain text', 'plain text', false],
    ['${USER}', 'ann', false],
    ['a${USER}b${USER}c', 'aannbannc', false],
    ['Bearer ${TOKEN}', 'Bearer s3cret', true],
    ['${USER}:${TOKEN}', 'ann:s3cret', true],
    ['$${USER}', '${USER}', false],
    ['$$${USER}', '$${USER}', false],
    ['costs $5, $USER, $(id), {USER}', 'costs $5, $USER, $(id), {USER}', false],
    ['${NOBODY:-guest}', 'guest', false],
    ['${NOBODY:-}', '', false],
    ['${EMPTY:-guest}', 'guest', false],
    ['${EMPTY}', '', false],
    ['${USER:-guest}', 'ann', false],
    ['${NOBODY:-a:-b $c}', 'a:-b $c', false],
    ['${TOKEN:-none}', 's3cret', true],
  ])('makes %j into %j', (text, expected, secret) => {
    expect(substitute(text, VALUES)).toEqual({ ok: true, text: expected, secret });
  });

  test('inserts a value as it is, and never looks for placeholders in it', () => {
    expect(substitute('<${CODE}>', VALUES)).toMatchObject({ ok: true, text: '<${USER}$${>' });
  });

  test('reports a secret that is empty, and so replaced by a default, as secret', () => {
    const values = new Map([['TOKEN', { text: '', secret: true }]]);
    expect(substitute('${TOKEN:-none}', values)).toEqual({ ok: true, text: 'none', secret: true });
  });

  test.each([
    ['ab${', 3],
    ['${USER', 1],
    ['${}', 1],
    ['${1ST}', 1],
    ['x ${ USER }', 3],
    ['${env:USER}', 1],
    ['${USER:=x}', 1],
    ['${USER-x}', 1],
    ['${__proto__}', 1],
    ['${.secrets.TOKEN}', 1],
    ['${A:-${USER}}', 1],
    ['${A:-$${}', 1],
    ['${USER ${TOKEN}', 1],
  ])('refuses %j at column %i', (text, column) => {
    const result = substitute(text, VALUES);
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'bad-placeholder', column }] });
  });

  test('reports all problems of a text, in their order', () => {
    const result = substitute('${NOBODY} ${a b} ${TOKN} ${', VALUES);
    expect(result).toMatchObject({
      ok: false,
      problems: [
        { column: 1, code: 'unknown-variable', name: 'NOBODY' },
        { column: 11, code: 'bad-placeholder' },
        { column: 18, code: 'unknown-variable', name: 'TOKN', hint: 'did you mean TOKEN?' },
        { column: 26, code: 'bad-placeholder' },
      ],
    });
  });

  test('quotes nothing of a malformed placeholder, where somebody may have put the secret itself', () => {
    const result = substitute('${ghp_canary!} ${A:-ghp_canary${}', VALUES);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('canary');
  });
});

describe('for any text', () => {
  const piece = fc.constantFrom(
    '$',
    '{',
    '}',
    '${',
    '$${',
    ':-',
    'A',
    'USER',
    '${USER}',
    '${TOKEN:-x}',
    ' ',
    '1',
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

  test('rendering what was parsed gives the text again', () => {
    fc.assert(
      fc.property(text, (input) => {
        const { parts, problems } = parsePlaceholders(input);
        fc.pre(problems.length === 0);
        expect(parts.map(render).join('')).toBe(input);
      }),
    );
  });

  test('no `${` reaches the result but through its escape', () => {
    fc.assert(
      fc.property(text, (input) => {
        const result = substitute(input, VALUES);
        const escapes = input.split('$${').length - 1;
        if (result.ok) expect(result.text.split('${').length - 1).toBeLessThanOrEqual(escapes);
      }),
    );
  });

  test('a text without `${` is left as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (input) => {
        fc.pre(!input.includes('${'));
        expect(substitute(input, VALUES)).toEqual({ ok: true, text: input, secret: false });
      }),
    );
  });
});

/** Written from the documentation, not from the parser: the inverse of it. */
function render(part: PlaceholderPart): string {
  if (part.kind === 'text') return part.text.split('${').join('$${');
  return part.fallback === undefined ? `\${${part.name}}` : `\${${part.name}:-${part.fallback}}`;
}
