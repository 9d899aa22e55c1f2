import type { Diagnostic } from './diagnostic';

/** Why an import could not be followed. */
export type ImportFault = 'missing-import' | 'import-cycle' | 'imports-too-deep' | 'too-many-imports';

/** How many imports may follow one another, and how many environments one run may open. */
export const IMPORT_LIMITS = { depth: 10, environments: 100 } as const;

/** An import that could not be followed; `path` goes from the environment that the run refers to, by slug, to the import. */
export function importDiagnostic(code: ImportFault, path: readonly string[]): Diagnostic {
  return { code, severity: 'error', field: 'environment_refs', ...SENTENCES[code](path.join(' → '), path) };
}

const SENTENCES: Readonly<
  Record<ImportFault, (way: string, path: readonly string[]) => Pick<Diagnostic, 'message' | 'hint'>>
> = {
  'missing-import': (way, path) => ({
    message: `Environment not found: ${path.at(-1) ?? ''} (imported as ${way})`,
    hint: `${path.at(-1)?.includes('@') ? 'import a version that is there' : 'apply it'}, or take the import out of ${path.at(-2) ?? 'the environment'}`,
  }),
  'import-cycle': (way, path) => ({
    message: `the imports ${way} go round in a circle`,
    hint: `take the import of ${path.at(-1) ?? ''} out of ${path.at(-2) ?? 'the environment'}`,
  }),
  'imports-too-deep': (way) => ({
    message: `the imports ${way} are too deep: at most ${IMPORT_LIMITS.depth} follow one another`,
    hint: 'import what is at the end of the path directly',
  }),
  'too-many-imports': (way) => ({
    message: `a run opens at most ${IMPORT_LIMITS.environments} environments, imports counted each time they are reached; ${way} would be more`,
    hint: 'import fewer environments',
  }),
};
