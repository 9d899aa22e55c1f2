import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentStore } from './environments.store';
import { namesOf, pick } from './references';

/** An environment with an import, and the version that the import names. */
export type Importer = Pick<EnvironmentDocument, '_id' | 'slug'> & { readonly version: string };

/** The environments that import this one directly; one is there as often as it does. */
export async function importersOf(
  store: Pick<EnvironmentStore, 'findAny' | 'findImporting'>,
  document: EnvironmentDocument,
): Promise<readonly Importer[]> {
  const names = namesOf(document);
  const importing = await store.findImporting(document.org, names);
  if (importing.length === 0) return [];
  // A name may mean another environment before it means this one.
  const meant = await store.findAny({ org: document.org, ids: names, slugs: names }, 'without-data');
  return importing.flatMap(({ _id, slug, imports }) =>
    imports
      .filter(({ org, slug: name }) => (org === '' || org === document.org) && names.includes(name))
      .filter((reference) => pick(reference, meant)?._id === document._id)
      .map(({ version }) => ({ _id, slug, version })),
  );
}
