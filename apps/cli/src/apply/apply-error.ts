import { DomainError, type ErrorKind } from '@stigmer/domain';
import type { Problem } from '../manifest/problem';
import { identityOf } from '../manifest/identity';
import type { Position } from '../manifest/yaml-documents';
import type { Manifest } from '../manifest/read-resource';

interface Failure {
  readonly manifest: Manifest;
  readonly error: unknown;
}

/** Resources the server refused, each objection at the place in the file that it is about. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
  readonly problems: readonly Problem[];
  /** What the first failure was; it decides the exit code. */
  readonly kind: ErrorKind | undefined;

  constructor(failures: readonly Failure[]) {
    const [first] = failures;
    const what =
      failures.length === 1 && first
        ? `${identityOf(first.manifest).kind} ${identityOf(first.manifest).name}`
        : `${failures.length} resources`;
    super(`${what} could not be applied`);
    this.problems = failures.flatMap(problemsOf);
    this.kind = first?.error instanceof DomainError ? first.error.kind : undefined;
  }
}

function problemsOf({ manifest, error }: Failure): readonly Problem[] {
  const { file } = manifest;
  if (error instanceof DomainError && error.violations.length > 0) {
    return error.violations.map(({ field, description }) => ({
      file,
      ...placeOf(manifest, field),
      field,
      message: description,
    }));
  }
  return [{ file, ...manifest.position, message: error instanceof Error ? error.message : String(error) }];
}

/** The position of a field, or of the nearest one around it that the file has. */
function placeOf({ positions, position }: Manifest, field: string): Position {
  for (let path = field; path !== ''; path = parentOf(path)) {
    const found = positions.get(path);
    if (found) return found;
  }
  return position;
}

/** `spec.data["TOKEN"].value` → `spec.data["TOKEN"]` → `spec.data` → `spec` → nothing. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.search(/(\.[^.[\]]*|\[[^[\]]*\])$/)));
}
