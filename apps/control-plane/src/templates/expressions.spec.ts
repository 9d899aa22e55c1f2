import { expressionUses } from './expressions';

const secretsOf = (text: string) => expressionUses(text).secrets.map(({ name }) => name);

describe('the expressions of a workflow', () => {
  it.each([
    ['${.secrets.TOKEN}', ['TOKEN']],
    ['Bearer ${ .secrets.TOKEN }', ['TOKEN']],
    ['${.secrets["TOKEN"]} ${.secrets."OTHER"}', ['TOKEN', 'OTHER']],
    ['${ {a: .secrets.A, b: "\\(.secrets.B)"} | tojson }', ['A', 'B']],
    ['${ .output.secrets.X }', []],
    ['${ $context.secrets.X }', []],
    ['${ "no .secrets.HERE }" }', []],
    ['${ .input # .secrets.COMMENT }\n }', []],
    ['$${.secrets.LITERAL}', []],
    ['no expression .secrets.X', []],
  ])('%s names the secrets %j', (text, names) => {
    expect(expressionUses(text).problem).toBeUndefined();
    expect(secretsOf(text)).toEqual(names);
  });

  it('names the variables of the environment', () => {
    expect(expressionUses('${ .env_vars.A }/${.env_vars["B"]}').envVars).toEqual(['A', 'B']);
  });

  it.each(['${ .a', '${}', '${ .secrets }', '${ .secrets[.x] }', '${ "a }'])(
    '%s has a problem, which does not quote it',
    (text) => {
      const { problem } = expressionUses(text);
      expect(problem).toEqual(expect.any(String));
      expect(problem).not.toContain(text.slice(2).trim() || 'nothing');
    },
  );

  it('knows the literal text before a secret, and that another expression may decide it', () => {
    const { secrets } = expressionUses('https://x.test/${.secrets.A}/${.secrets.B}');
    expect(secrets).toEqual([
      { name: 'A', prefix: 'https://x.test/' },
      { name: 'B', prefix: undefined },
    ]);
  });

  it('knows a text that is one expression and nothing else', () => {
    expect(expressionUses('${ .a }').whole).toBe(true);
    expect(expressionUses('${ .a } ').whole).toBe(false);
    expect(expressionUses('${ .a }${ .b }').whole).toBe(false);
  });
});
