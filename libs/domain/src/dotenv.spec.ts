import fc from 'fast-check';
import { parseDotenv } from './dotenv';
import { DomainError } from './errors';
import { goldenCases, thrownBy } from './testing/golden';

describe('golden cases', () => {
  goldenCases('dotenv', 'input.env', (text) => {
    const error = thrownBy(() => parseDotenv(text));
    return error instanceof DomainError ? { kind: error.kind, message: error.message } : parseDotenv(text);
  });
});

describe('line ends', () => {
  const lines = ['A=1', 'B="x', 'y"', '', 'C=3'];
  const expected = [
    { key: 'A', value: '1', line: 1 },
    { key: 'B', value: 'x\ny', line: 2 },
    { key: 'C', value: '3', line: 5 },
  ];

  test.each([
    ['of Unix', '\n'],
    ['of Windows', '\r\n'],
    ['of old Macs', '\r'],
  ])('%s are read alike', (_, end) => {
    expect(parseDotenv(lines.join(end))).toEqual(expected);
  });

  test('a byte order mark is no part of the first line', () => {
    expect(parseDotenv('\uFEFFA=1')).toEqual([{ key: 'A', value: '1', line: 1 }]);
    expect(parseDotenv('\uFEFF# comment')).toEqual([]);
  });
});

test('an error names its line and never shows its text', () => {
  const canary = 'canary-5f2b';
  const inputs = [
    `A=1\n${canary}`,
    `${canary} x=1`,
    `A="${canary}`,
    `A="x" ${canary}`,
    `A=${canary}\nA=${canary}`,
  ];
  for (const input of inputs) {
    const error = thrownBy(() => parseDotenv(input)) as DomainError;
    expect(error.message).toMatch(/^line [12]: /);
    expect(JSON.stringify([error.message, error.violations])).not.toContain(canary);
  }
});

test('any value comes back from double quotes with its special characters escaped', () => {
  const value = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\r'));
  fc.assert(
    fc.property(value, (text) => {
      const quoted = text.replace(/["\\$]/g, '\\$&').replaceAll('\n', '\\n');
      expect(parseDotenv(`A="${quoted}" # comment`)).toEqual([{ key: 'A', value: text, line: 1 }]);
    }),
  );
});

test('any text is read or refused, in time linear in its length', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', '=', ' ', '"', "'", '`', '\\', '#', '\n') }),
      (text) => {
        const error = thrownBy(() => parseDotenv(text));
        expect(error === undefined || error instanceof DomainError).toBe(true);
      },
    ),
  );
  const before = process.cpuUsage();
  thrownBy(() => parseDotenv(`A${' '.repeat(1_000_000)}\n${'B="'.repeat(100_000)}`));
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
});
