import * as fc from 'fast-check';
import { onlyExpression, parseExpressions, type Expression, type ExpressionPart } from './expression';

function partsOf(text: string): readonly ExpressionPart[] {
  const parsed = parseExpressions(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.parts;
}

function problemOf(text: string): string {
  const parsed = parseExpressions(text);
  if (parsed.ok) throw new Error('the text has no problem');
  return parsed.problem;
}

const expressions = (text: string): readonly Expression[] =>
  partsOf(text).filter((part) => part.kind === 'expression');
const secretsOf = (text: string) => expressions(text).flatMap((expression) => expression.secrets);

describe('the expressions of a text', () => {
  it('are found alone, several in a string, and with brackets and strings inside', () => {
    expect(partsOf('a ${ .x } b ${.y}')).toEqual([
      { kind: 'literal', text: 'a ' },
      { kind: 'expression', program: '.x', secrets: [], envVars: [] },
      { kind: 'literal', text: ' b ' },
      { kind: 'expression', program: '.y', secrets: [], envVars: [] },
    ]);
    expect(expressions('${ {a: {b: "}"}, c: "x\\(.y | {z: "}"})"} }')).toMatchObject([
      { program: '{a: {b: "}"}, c: "x\\(.y | {z: "}"})"}' },
    ]);
  });

  it('end at their own bracket, whatever a comment says', () => {
    expect(expressions('${ .a # }\n }')).toMatchObject([{ program: '.a # }' }]);
  });

  it('leave $${ as a literal ${, and a lone $ or } as it is', () => {
    expect(partsOf('$${ x } $5 }')).toEqual([{ kind: 'literal', text: '${ x } $5 }' }]);
  });

  it.each([
    ['an unclosed one', '${ .a', /never closed with }/],
    ['an empty one', '${  }', /is empty/],
    ['an unclosed string', '${ "a }', /string in it is never closed/],
    ['a wrong bracket', '${ (.a} )', /never closed with }/],
  ])('are refused with the reason: %s', (_, text, message) => {
    expect(problemOf(text)).toMatch(message);
  });

  it.each([
    'env',
    '$ENV',
    'input',
    '[inputs]',
    '"\\(env)"',
    '{"a": env}',
    '.x | debug',
    '$__loc__',
    'get_search_list',
  ])('may not say %s', (program) => {
    expect(problemOf(`\${ ${program} }`)).toMatch(/not available in an expression/);
  });

  it.each(['import "a" as a; .', 'include "a"; .', 'input_filename', 'halt', '"x" | stderr'])(
    'may not say %s either',
    (program) => {
      expect(problemOf(`\${ ${program} }`)).toMatch(/not available/);
    },
  );

  it('may use those words as fields, keys and text', () => {
    expect(expressions('${ {input: .env, a: "debug"} | .input }')).toHaveLength(1);
  });

  it.each(['${ .a', '${}', '${ .secrets }', '${ .secrets[.x] }', '${ "a }'])(
    '%s has a problem, which does not quote it',
    (text) => {
      const problem = problemOf(text);
      expect(problem).not.toContain(text.slice(2).trim() || 'nothing');
    },
  );

  it('have a longest length and a deepest nesting, so that reading one costs little', () => {
    const longest = '1'.repeat(16_384);
    expect(expressions(`\${${longest}}`)).toMatchObject([{ program: longest }]);
    for (const text of [`\${${longest}1}`, `\${"${longest}"}`, `\${ .a ${longest}`]) {
      expect(problemOf(text)).toMatch(/longer than 16384 characters, or never closed/);
    }
    expect(expressions(`\${ ${nested(64)} }`)).toHaveLength(1);
    expect(problemOf(`\${ ${nested(65)} }`)).toMatch(/nested more than 64 deep/);
    expect(problemOf(`\${ ${'"\\('.repeat(5_000)} }`)).toMatch(/nested more than 64 deep/);
  });

  it('are one and the whole of a text, or they are not', () => {
    expect(onlyExpression(partsOf('${ .a }'))?.program).toBe('.a');
    expect(onlyExpression(partsOf('${ .a } '))).toBeUndefined();
    expect(onlyExpression(partsOf('${ .a }${ .b }'))).toBeUndefined();
    expect(onlyExpression(partsOf(''))).toBeUndefined();
  });

  it('are found or refused in any text, and a text without them is its own literal', () => {
    const pieces = fc.constantFrom(
      '$',
      '{',
      '}',
      '"',
      '\\',
      '(',
      ')',
      '#',
      '\n',
      ' ',
      '.secrets',
      '.A',
      'x',
      '["B"]',
    );
    fc.assert(
      fc.property(
        fc.array(pieces).map((list) => list.join('')),
        (text) => {
          const parsed = parseExpressions(text);
          if (parsed.ok) expect(parsed.parts.length > 0).toBe(text !== '');
          else expect(text).toContain('${');
          if (!text.includes('${') && text !== '') expect(partsOf(text)).toEqual([{ kind: 'literal', text }]);
        },
      ),
    );
  });
});

describe('the secrets an expression names', () => {
  it.each([
    ['.secrets.TOKEN', ['TOKEN']],
    ['.secrets["TOKEN"]', ['TOKEN']],
    ['.secrets."TOKEN"', ['TOKEN']],
    ['"u:" + .secrets.A + .secrets.B | @base64', ['A', 'B']],
    ['"Bearer \\(.secrets.A)"', ['A']],
    ['if .secrets.A == "x" then 1 else 2 end', ['A']],
    ['{a: .secrets.A, b: "\\(.secrets.B)"} | tojson', ['A', 'B']],
    ['.output.secrets.X', []],
    ['$context.secrets.X', []],
    ['"no .secrets.HERE }"', []],
    ['.input # .secrets.COMMENT\n', []],
  ])('%s', (program, names) => {
    expect(secretsOf(`\${ ${program} }`)).toEqual(names);
  });

  it('are not the fields called secrets of something else', () => {
    expect(
      secretsOf('${ $context.secrets.A + .input.secrets.B + (.x).secrets.C + .a["b"].secrets.D }'),
    ).toEqual([]);
  });

  it.each(['.secrets', '.secrets[.name]', '.secrets | keys', '[.secrets[]]'])(
    'must be named in full: %s is refused',
    (program) => {
      expect(problemOf(`\${ ${program} }`)).toMatch(/named in full/);
    },
  );
});

describe('the variables that a text names', () => {
  it.each([
    ['${.secrets.TOKEN}', ['TOKEN']],
    ['Bearer ${ .secrets.TOKEN }', ['TOKEN']],
    ['${.secrets["TOKEN"]} ${.secrets."OTHER"}', ['TOKEN', 'OTHER']],
    ['$${.secrets.LITERAL}', []],
    ['no expression .secrets.X', []],
  ])('%s names the secrets %j', (text, names) => {
    expect(secretsOf(text)).toEqual(names);
  });

  it('are those of the environment too', () => {
    const envVars = expressions('${ .env_vars.A }/${.env_vars["B"]}').flatMap(
      (expression) => expression.envVars,
    );
    expect(envVars).toEqual(['A', 'B']);
  });
});

/** A string in the interpolation of a string in the interpolation of … */
function nested(depth: number): string {
  return `${'"\\('.repeat(depth - 1)}"x"${')"'.repeat(depth - 1)}`;
}
