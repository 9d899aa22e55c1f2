import { importDiagnostic } from './imports';

const PATH = ['production', 'base', 'shared'];

describe('an import that cannot be followed', () => {
  it.each([
    ['missing-import', 'Environment not found: shared (imported as production → base → shared)'],
    ['import-cycle', 'the imports production → base → shared go round in a circle'],
    [
      'imports-too-deep',
      'the imports production → base → shared are too deep: at most 10 follow one another',
    ],
    [
      'too-many-imports',
      'a run opens at most 100 environments, imports counted each time they are reached; production → base → shared would be more',
    ],
  ] as const)('is an error with the path that leads to it: %s', (code, message) => {
    const diagnostic = importDiagnostic(code, PATH);
    expect(diagnostic).toMatchObject({ code, severity: 'error', field: 'environment_refs', message });
    expect(diagnostic.hint).not.toBe('');
  });

  it('is put right in the environment that has the import', () => {
    expect(importDiagnostic('missing-import', PATH).hint).toBe('apply it, or take the import out of base');
    expect(importDiagnostic('missing-import', ['a', 'b@3']).hint).toBe(
      'import a version that is there, or take the import out of a',
    );
    expect(importDiagnostic('import-cycle', ['a', 'b', 'a']).hint).toBe('take the import of a out of b');
  });
});
