import { type Diagnostic, errorOf } from './diagnostic';
import { DomainError, type ErrorKind, errorKindOf, GRPC_CODES, invalidArgument, notFound } from './errors';

test('each kind has a gRPC code of its own, and comes back from it', () => {
  for (const kind of Object.keys(GRPC_CODES) as ErrorKind[]) expect(errorKindOf(GRPC_CODES[kind])).toBe(kind);
});

test.each([0, 2, 4, 12, 13, 99])('the code %i is no kind', (code) => {
  expect(errorKindOf(code)).toBeUndefined();
});

test('an error carries its kind, its violations and, for the log alone, its cause', () => {
  const cause = new Error('why');
  const error = invalidArgument('bad', [{ field: 'f', description: 'd' }], { cause });
  expect(error).toBeInstanceOf(DomainError);
  expect(error).toMatchObject({
    kind: 'invalid-argument',
    message: 'bad',
    violations: [{ field: 'f', description: 'd' }],
    cause,
  });
  expect(notFound('Environment', 'env-x')).toMatchObject({
    kind: 'not-found',
    message: 'Environment not found: env-x',
  });
});

describe('diagnostics', () => {
  const warning: Diagnostic = {
    code: 'weak-secret',
    severity: 'warning',
    variable: 'PIN',
    message: 'is short',
  };
  const error: Diagnostic = {
    code: 'missing-variable',
    severity: 'error',
    variable: 'A',
    message: 'A is missing',
    hint: 'set it',
  };

  test('are no error as long as they only warn', () => {
    expect(errorOf([])).toBeUndefined();
    expect(errorOf([warning])).toBeUndefined();
  });

  test('are one failed precondition that lists every error', () => {
    const placed: Diagnostic = {
      code: 'bad-placeholder',
      severity: 'error',
      server: 's',
      field: 'url',
      message: 'm',
    };
    expect(errorOf([warning, error, placed])).toMatchObject({
      kind: 'failed-precondition',
      message: 'the run cannot start:\n- A: A is missing; set it\n- s url: m',
      violations: [
        { field: 'A', description: 'A is missing; set it' },
        { field: 's url', description: 'm' },
      ],
    });
  });
});
