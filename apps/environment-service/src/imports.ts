import {
  failedPrecondition,
  IMPORT_LIMITS,
  importDiagnostic,
  type ImportFault,
  KINDS,
  referenceCandidates,
} from '@stigmer/domain';
import type { EnvironmentDocument, StoredImport } from './environment-document';
import { describeReference } from './references';

/** What can be imported, and what imports. */
export type Importing = Pick<EnvironmentDocument, '_id' | 'org' | 'slug' | 'imports'>;

/** A reference to an environment, as an import has it. */
export type ImportReference = Pick<StoredImport, 'org' | 'slug' | 'version'>;

/** An environment of a merge, and the slugs of those whose imports lead to it. */
export interface Followed<T> {
  readonly environment: T;
  readonly via: readonly string[];
}

/** An import that could not be followed, and how it is reached from the environment that a run refers to. */
export interface ImportProblem {
  readonly code: ImportFault;
  readonly path: readonly string[];
}

/** Environments with all that they import, in the order of the merge. */
export interface Flattened<T> {
  readonly environments: readonly Followed<T>[];
  readonly problems: readonly ImportProblem[];
  /** The references that `look` had not looked up yet. Where there is one, the rest is not all of it. */
  readonly unknown: readonly ImportReference[];
}

/** What is known of a reference: its environment, that there is none, or nothing yet. */
export type Look<T> = (reference: ImportReference) => T | 'absent' | undefined;

/** Finds what references mean, all of them at once and in their order. */
export type Find<T> = (references: readonly ImportReference[]) => Promise<readonly (T | undefined)[]>;

/**
 * Each environment after everything that it imports, in the order of its imports. One that is reached twice is there
 * twice: an import counts with its whole merged value, wherever it is.
 */
export function flattenImports<T extends Importing>(roots: readonly T[], look: Look<T>): Flattened<T> {
  const walk = new Walk(look);
  for (const root of roots) walk.visit(root, []);
  return walk;
}

/** Flattens with one question for each level of imports, however many environments there are on it. */
export async function followImports<T extends Importing>(
  roots: readonly T[],
  find: Find<T>,
): Promise<Flattened<T>> {
  const known = new Map<string, T | 'absent'>();
  for (;;) {
    const flattened = flattenImports(roots, (reference) => known.get(keyOf(reference)));
    if (flattened.unknown.length === 0) return flattened;
    const found = await find(flattened.unknown);
    for (const [index, reference] of flattened.unknown.entries())
      known.set(keyOf(reference), found[index] ?? 'absent');
  }
}

/**
 * Refuses an environment, as it is about to be written, whose imports lead nowhere or back to it: FAILED_PRECONDITION
 * with every path. Of two writes at the same time that close a circle together neither sees the other; such a circle
 * is found, and refused with its path, when it is opened.
 */
export async function checkImports(environment: Importing, find: Find<Importing>): Promise<void> {
  if (environment.imports.length === 0) return;
  const { problems } = await followImports([environment], async (references) => {
    const found = await find(references);
    // One that is being created cannot be found yet, not even by itself.
    return references.map(
      (reference, at) => found[at] ?? (means(reference, environment) ? environment : undefined),
    );
  });
  if (problems.length === 0) return;
  const violations = problems.map(({ code, path }) => ({
    field: 'spec.imports',
    description: importDiagnostic(code, path).message,
  }));
  throw failedPrecondition(violations.map(({ description }) => description).join('; '), violations);
}

class Walk<T extends Importing> implements Flattened<T> {
  readonly environments: Followed<T>[] = [];
  readonly problems: ImportProblem[] = [];
  readonly unknown: ImportReference[] = [];
  private readonly asked = new Set<string>();

  constructor(private readonly look: Look<T>) {}

  visit(environment: T, path: readonly T[]): void {
    const here = [...path, environment];
    for (const reference of environment.imports) {
      if (this.stopped) return;
      this.follow(reference, here);
    }
    if (this.stopped) return;
    if (this.environments.length === IMPORT_LIMITS.environments) {
      this.problems.push({ code: 'too-many-imports', path: here.map(slugOf) });
      return;
    }
    this.environments.push({ environment, via: path.map(slugOf) });
  }

  private follow(reference: ImportReference, path: readonly T[]): void {
    const found = this.lookIn(reference, path);
    if (found === undefined) {
      if (!this.asked.has(keyOf(reference))) this.unknown.push(reference);
      this.asked.add(keyOf(reference));
      return;
    }
    const slugs = path.map(slugOf);
    if (found === 'absent') this.fail('missing-import', [...slugs, describeReference(reference)]);
    // By the environment, not its version: whoever imports an earlier version of itself goes round as well.
    else if (path.some(({ _id }) => _id === found._id)) this.fail('import-cycle', [...slugs, found.slug]);
    else if (path.length > IMPORT_LIMITS.depth) this.fail('imports-too-deep', [...slugs, found.slug]);
    else this.visit(found, path);
  }

  // Another organization's environment does not exist for this one, so it is not even looked for.
  private lookIn(reference: ImportReference, path: readonly T[]): T | 'absent' | undefined {
    const foreign = reference.org !== '' && reference.org !== path[0]?.org;
    return foreign ? 'absent' : this.look(reference);
  }

  private fail(code: ImportFault, path: readonly string[]): void {
    this.problems.push({ code, path });
  }

  // Shared imports can be reached over more paths than anyone could merge or read about, and imports can name more
  // versions than would fit into memory: what is asked for at a time is no more than could be opened.
  private get stopped(): boolean {
    return (
      this.unknown.length >= IMPORT_LIMITS.environments ||
      this.problems.length >= MAX_PROBLEMS ||
      this.problems.at(-1)?.code === 'too-many-imports'
    );
  }
}

const MAX_PROBLEMS = 20;

function means({ slug }: ImportReference, environment: Importing): boolean {
  return referenceCandidates(KINDS.Environment.idPrefix, slug).some(
    ({ by, value }) => value === (by === 'id' ? environment._id : environment.slug),
  );
}

function slugOf({ slug }: Importing): string {
  return slug;
}

/** Two references of one organization with the same key mean the same environment in the same version. */
function keyOf({ slug, version }: ImportReference): string {
  return `${slug}@${version}`;
}
