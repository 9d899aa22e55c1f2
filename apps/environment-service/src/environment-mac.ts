import { contentOf, type EnvironmentDocument } from './environment-document';

/**
 * What the MAC of an environment is over, beside the organization and the id that its data key is bound to: all that
 * nobody may change but the service. Not its tags, which are moved without a version, and not the header of its data
 * key, which is wrapped anew without a version and authenticates itself.
 */
export function factsOf(document: EnvironmentDocument): object {
  const { lineage, version, changes, created, updated } = document;
  return { ...contentOf(document), lineage, version, changes, created, updated };
}

/**
 * The documents in memory that are known to be as the service wrote them. They never change, so each is looked at once
 * for as long as somebody keeps it: what is read from the cache costs nothing.
 */
export const intact = new WeakSet<EnvironmentDocument>();

/** The versions that have to be intact for this one to be: itself, or what it was made of. */
export function sourcesOf(document: EnvironmentDocument): readonly EnvironmentDocument[] {
  const { earlier } = document;
  return earlier === undefined ? [document] : [earlier.was, earlier.now];
}
