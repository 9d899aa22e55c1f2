import fc from 'fast-check';
import { isVariableName } from '@stigmer/domain';
import { ManifestError } from '../../manifest/problem';
import { readDetected, readVariables, writeVariables } from './files';
import { FILE_FORMATS, formatOf, formatOfName, type FileContent, type FileFormat } from './format';

const CANARY = 'canary-9f4c17';

const content = (
  variables: Readonly<Record<string, string>>,
  omitted: readonly string[] = [],
): FileContent => ({
  slug: 'prod',
  variables: Object.entries(variables),
  omitted,
});
const read = (format: FileFormat, text: string): Record<string, string> =>
  Object.fromEntries(readVariables(format, 'f', text).map(({ name, value }) => [name, value]));
const problems = (work: () => unknown): readonly string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof ManifestError) {
      return error.problems.map(({ file, line, message }) => `${file}:${line}: ${message}`);
    }
    throw error;
  }
  return [];
};

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/).filter(isVariableName);
const nasty = fc.array(
  fc.constantFrom(
    '"',
    "'",
    '`',
    '$',
    '{',
    '}',
    '\\',
    '\n',
    '\r',
    '\t',
    ' ',
    '#',
    '=',
    ':',
    '-',
    '|',
    '>',
    'n',
  ),
  { maxLength: 12 },
);
const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  nasty.map((characters) => characters.join('')),
  fc.constantFrom(
    '',
    ' ',
    '~',
    'null',
    'true',
    'no',
    '1.10',
    '0x1f',
    '1e3',
    '---',
    '- a',
    '? a',
    '\uFEFFx',
    '********x',
  ),
);

describe('a file of variables', () => {
  it.each(FILE_FORMATS)('in %s reads back whatever was written', (format) => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 8 }), (variables) => {
        expect(read(format, writeVariables(format, content(variables, ['TOKEN'])))).toEqual({ ...variables });
      }),
      { numRuns: 400 },
    );
  });

  it.each(FILE_FORMATS)('in %s may be empty', (format) => {
    expect(read(format, writeVariables(format, content({})))).toEqual({});
  });

  it.each(['dotenv', 'yaml', 'kubernetes'] as const)(
    'in %s names the secrets that were left out, and gives none a value',
    (format) => {
      const text = writeVariables(format, content({ A: '1' }, ['TOKEN', 'PASSWORD']));
      expect(text).toContain('# left out, since they are secrets: TOKEN, PASSWORD\n');
      expect(read(format, text)).toEqual({ A: '1' });
      expect(text).not.toContain('*');
    },
  );

  it('in dotenv is one that a shell reads the same, as far as a shell can', () => {
    expect(
      writeVariables(
        'dotenv',
        content({ A: 'x-1.2/y', B: '', C: 'a b', D: '$HOME `id`', E: "it's", F: 'a\nb', G: "'\n$" }),
      ),
    ).toBe(`A=x-1.2/y\nB=\nC='a b'\nD='$HOME \`id\`'\nE="it's"\nF='a\nb'\nG="'\n\\$"\n`);
  });

  it('in YAML and JSON takes numbers and switches as they are written', () => {
    expect(read('yaml', 'A: 1.10\nB: true\nC: 0x1f\nD: |\n  a\n  b\n')).toEqual({
      A: '1.10',
      B: 'true',
      C: '0x1f',
      D: 'a\nb\n',
    });
    expect(read('json', '{"A": 8080, "B": "\\ud83d\\ude00\\n"}')).toEqual({ A: '8080', B: '😀\n' });
  });

  it('that is the manifest of a Secret gives what data and stringData hold, as secrets', () => {
    const manifest = [
      'apiVersion: v1',
      'kind: Secret',
      'metadata: { name: prod }',
      'data:',
      `  KEY: ${Buffer.from('-----BEGIN\nKEY-----\n').toString('base64')}`,
      `  BOTH: ${Buffer.from('old').toString('base64')}`,
      'stringData:',
      '  BOTH: new',
      '  PORT: 8080',
    ].join('\n');
    const expected = { KEY: '-----BEGIN\nKEY-----\n', BOTH: 'new', PORT: '8080' };
    expect(read('kubernetes', manifest)).toEqual(expected);
    const detected = readDetected('yaml', 'f.yaml', manifest);
    expect(Object.fromEntries(detected.map((variable) => [variable.name, variable.value]))).toEqual(expected);
    expect(detected.every(({ declaredSecret }) => declaredSecret)).toBe(true);
  });

  it.each<readonly [FileFormat, string, string]>([
    ['dotenv', `A=1\n${CANARY}`, 'f:2: expected NAME=value'],
    ['dotenv', `A=1\n\nA=${CANARY}`, 'f:3: the same name is set on line 1'],
    ['yaml', `A: 1\nB: [${CANARY}]`, 'f:2: has to be a text, a number, true or false'],
    ['yaml', `A: 1\n${CANARY} x: 1`, 'f:2: a name matches'],
    ['yaml', 'A: 1\nB:\n', 'f:2: has no value; an empty one is ""'],
    ['yaml', `A: 1\nA: ${CANARY}`, 'f:2: malformed YAML: the key is given twice'],
    ['yaml', `- ${CANARY}`, 'f:1: has to be a mapping of names to values'],
    ['yaml', `A: 1\n---\nB: ${CANARY}`, 'f:3: a second document starts here'],
    ['json', `{\n"A": {"x": "${CANARY}"}}`, 'f:2: has to be a text, a number, true or false'],
    ['json', `{"A": "${CANARY}`, 'f:1: malformed YAML'],
    ['kubernetes', `A: ${CANARY}`, 'f:1: has to be one manifest with apiVersion: v1 and kind: Secret'],
    [
      'kubernetes',
      `apiVersion: v1\nkind: Secret\ndata:\n  A: ${CANARY}`,
      'f:4: has to be the base64 of a text in UTF-8',
    ],
    [
      'kubernetes',
      `apiVersion: v1\nkind: Secret\ndata:\n  A: ${Buffer.from([0xff, 0xfe]).toString('base64')}`,
      'f:4: has to be the base64 of a text in UTF-8',
    ],
    ['kubernetes', 'apiVersion: v1\nkind: Secret\ndata:\n  tls.crt: AAAA', 'f:4: a name matches'],
  ])('in %s that is wrong is told by its line, and shows no value (%#)', (format, text, expected) => {
    const found = problems(() => readVariables(format, 'f', text));
    expect(found.some((problem) => problem.startsWith(expected))).toBe(true);
    expect(found.join('\n')).not.toContain(CANARY);
  });
});

describe('the format of a file', () => {
  it.each([
    ['.env', 'dotenv'],
    ['.env.production', 'dotenv'],
    ['config/production.env', 'dotenv'],
    ['a.JSON', 'json'],
    ['a.yml', 'yaml'],
    ['a.yaml', 'yaml'],
    ['a.txt', undefined],
    ['-', undefined],
  ])('%s tells %s', (path, format) => {
    expect(formatOfName(path)).toBe(format);
  });

  it('has to be said where the name does not tell it', () => {
    expect(() => formatOf('-', undefined)).toThrow('the standard input has no name');
    expect(formatOf('-', 'json')).toBe('json');
    expect(formatOf('a.yaml', 'kubernetes')).toBe('kubernetes');
  });
});
