/** One thing wrong with a file, where it stands, and never the text that stands there: it may be a secret. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The path of the field, as the server writes it in its own answers: `spec.data["TOKEN"].value`. */
  readonly field?: string;
  readonly message: string;
}

/** Files that could not be read as resources: everything wrong with them, in the order of the files. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';

  constructor(
    readonly problems: readonly Problem[],
    /** What would be right, where all of them have one remedy. */
    readonly hint?: string,
  ) {
    super(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the files; nothing was applied`,
    );
  }
}

/** A problem in the one line that editors and terminals turn into a link. */
export function formatProblem({ file, line, column, field, message }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return field ? `${place}: ${field}: ${message}` : `${place}: ${message}`;
}
