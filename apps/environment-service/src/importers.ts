import type { EnvironmentDocument, StoredImport } from './environment-document';
import type { EnvironmentStore } from './environments.store';
import { namesOf, pick } from './references';

/** An environment with an import, and the version that the import names. */
export type Importer = Pick<EnvironmentDocument, '_id' | 'slug'> & { readonly version: string };

/** The environments that import this one directly; one is there as often as it does. */
export async function importersOf(
  store: Pick<EnvironmentStore, 'findAny' | 'findImporting'>,
  document: EnvironmentDocument,
): Promise<readonly Importer[]> {
  return importersAmong(store, document, await store.findImporting(document.org, namesOf(document)));
}

/** As `importersOf`, among the environments that have an import of one of its names. */
export async function importersAmong(
  store: Pick<EnvironmentStore, 'findAny'>,
  document: EnvironmentDocument,
  importing: readonly EnvironmentDocument[],
): Promise<readonly Importer[]> {
  if (importing.length === 0) return [];
  const names = namesOf(document);
  // A name may mean another environment before it means this one.
  const meant = await store.findAny({ org: document.org, ids: names, slugs: names }, 'without-data');
  return importing.flatMap(({ _id, slug, imports }) =>
    importsNaming(document, imports)
      .filter((reference) => pick(reference, meant)?._id === document._id)
      .map(({ version }) => ({ _id, slug, version })),
  );
}

/** The imports that have one of the environment's names. */
export function importsNaming(
  document: EnvironmentDocument,
  imports: readonly StoredImport[],
): readonly StoredImport[] {
  const names = namesOf(document);
  return imports.filter(({ org, slug }) => (org === '' || org === document.org) && names.includes(slug));
}
