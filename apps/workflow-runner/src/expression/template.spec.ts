import { parseTemplate, type Expression } from './template';

const expressions = (text: string): readonly Expression[] =>
  parseTemplate(text, 'here').filter((part) => part.kind === 'expression');
const secretsOf = (text: string) => expressions(text).flatMap((expression) => expression.secrets);

describe('the expressions of a text', () => {
  it('are found alone, several in a string, and with brackets and strings inside', () => {
    expect(parseTemplate('a ${ .x } b ${.y}', 'here')).toEqual([
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
    expect(parseTemplate('$${ x } $5 }', 'here')).toEqual([{ kind: 'literal', text: '${ x } $5 }' }]);
  });

  it.each([
    ['an unclosed one', '${ .a', /never closed with }/],
    ['an empty one', '${  }', /is empty/],
    ['an unclosed string', '${ "a }', /string in it is never closed/],
    ['a wrong bracket', '${ (.a} )', /never closed with }/],
  ])('are refused with the place named: %s', (_, text, message) => {
    expect(() => parseTemplate(text, 'here')).toThrow(message);
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
    expect(() => parseTemplate(`\${ ${program} }`, 'here')).toThrow(/not available in an expression/);
  });

  it.each(['import "a" as a; .', 'include "a"; .', 'input_filename', 'halt', '"x" | stderr'])(
    'may not say %s either',
    (program) => {
      expect(() => parseTemplate(`\${ ${program} }`, 'here')).toThrow(/not available/);
    },
  );

  it('may use those words as fields, keys and text', () => {
    expect(() => parseTemplate('${ {input: .env, a: "debug"} | .input }', 'here')).not.toThrow();
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
      expect(() => parseTemplate(`\${ ${program} }`, 'here')).toThrow(/named in full/);
    },
  );
});
