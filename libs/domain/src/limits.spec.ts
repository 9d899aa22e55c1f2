import { type DomainError } from './errors';
import { checkVariables, LIMITS } from './limits';
import { thrownBy } from './testing/golden';

const many = (count: number) => Array.from({ length: count }, (_, index) => [`V${index}`, 'x'] as const);

test('what is within the limits passes', () => {
  checkVariables(many(LIMITS.environmentVariables), 'environment', 'spec.data');
  checkVariables(many(LIMITS.contextVariables), 'context', 'spec.data');
  checkVariables(
    [
      ['A', 'x'.repeat(LIMITS.valueBytes)],
      ['B', ''],
    ],
    'environment',
    'spec.data',
  );
});

test('an environment has no limit of bytes in all but the one of the message that carries it', () => {
  const large = many(70).map(([name]) => [name, 'x'.repeat(LIMITS.valueBytes)] as const);
  checkVariables(large, 'environment', 'spec.data');
});

test.each([
  ['an illegal name', [['A-B', 'canary']], 'spec.data["A-B"]', 'environment'],
  ['an oversized value', [['A', 'canary'.repeat(20_000)]], 'spec.data["A"]', 'environment'],
  [
    'a value whose characters are more bytes than allowed',
    [['A', 'ü'.repeat(LIMITS.valueBytes / 2 + 1)]],
    'spec.data["A"]',
    'environment',
  ],
  ['too many keys for an environment', many(LIMITS.environmentVariables + 1), 'spec.data', 'environment'],
  ['too many keys for a context', many(LIMITS.contextVariables + 1), 'spec.data', 'context'],
  [
    'too many bytes for a context',
    many(70).map(([name]) => [name, 'x'.repeat(LIMITS.valueBytes)] as const),
    'spec.data',
    'context',
  ],
] as const)('%s is refused by name of the field, and no value is shown', (_, variables, field, scope) => {
  const error = thrownBy(() => {
    checkVariables(variables as Iterable<readonly [string, string]>, scope, 'spec.data');
  }) as DomainError;
  expect(error.kind).toBe('invalid-argument');
  expect(error.violations.map((violation) => violation.field)).toEqual([field]);
  expect(error.message).toContain(field);
  expect(error.message).not.toContain('canary');
});

test('all faults are counted, and the first of them named', () => {
  const error = thrownBy(() => {
    checkVariables(
      many(100).map(([name]) => [`-${name}`, ''] as const),
      'context',
      'data',
    );
  }) as DomainError;
  expect(error.violations).toHaveLength(20);
  expect(error.message).toMatch(/; and 80 more$/);
});
