import { failedPrecondition, invalidArguments, type Violation } from '@stigmer/domain';
import { type Kind, metadataOf, type Resource } from '../resources/kind';
import type { Resources } from '../resources/resources';

/** A reference to a resource: what it leads to, or the violation that says it leads nowhere. */
export type Looked<R> = { readonly found: R; readonly fault?: undefined } | { readonly fault: Violation };

/** Looks up what a field refers to. */
export async function lookUp<R extends Resource>(
  resources: Resources,
  kind: Kind<R>,
  org: string,
  ref: string,
  field: string,
): Promise<Looked<R>> {
  const found = await resources.find(kind, org, ref);
  return found === undefined
    ? { fault: { field, description: `${kind.name} not found: ${ref}` } }
    : { found };
}

/** FAILED_PRECONDITION naming everything that a resource refers to and that is not there. */
export function brokenReferences(faults: readonly Violation[]) {
  return failedPrecondition(
    faults.map(({ field, description }) => `${field}: ${description}`).join('; '),
    faults,
  );
}

/** FAILED_PRECONDITION naming who keeps a resource from being deleted. */
export function inUse(resource: Resource, users: readonly { readonly kind: string; readonly id: string }[]) {
  const names = users.map(({ kind, id }) => `${kind} ${id}`);
  return failedPrecondition(
    `${metadataOf(resource).id} is in use by ${names.join(', ')}`,
    names.map((name) => ({ field: 'value', description: `is in use by ${name}` })),
  );
}

/** An instance belongs to its template for good: what was made for the one says nothing about another. */
export function refuseChange(field: string, before: string | undefined, now: string): void {
  if (before === undefined || before === now) return;
  throw invalidArguments([{ field, description: 'cannot change' }]);
}
