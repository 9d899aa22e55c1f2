import type { Violation } from '@stigmer/domain';
import { KINDS } from '@stigmer/domain';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { StoredImport } from './environment-document';

const MAX_IMPORTS = 50;
const FIELD = 'spec.imports';
const UNSPECIFIED_KIND = 0;

/** The imports of a request as they are stored. */
export function readImports(references: readonly ApiResourceReference[]): readonly StoredImport[] {
  return references.map(({ scope, org, slug, version }) => ({ scope, org, slug, version }));
}

/** What may not be stored as an import, whatever else is there. */
export function faultsOfImports(references: readonly ApiResourceReference[]): readonly Violation[] {
  if (references.length > MAX_IMPORTS) {
    return [{ field: FIELD, description: `at most ${MAX_IMPORTS} imports, these are ${references.length}` }];
  }
  return references.flatMap(({ kind, slug }, index) => {
    const given: number = kind;
    const field = `${FIELD}[${index}]`;
    if (given !== KINDS.Environment.number && given !== UNSPECIFIED_KIND) {
      return [{ field: `${field}.kind`, description: 'must be environment' }];
    }
    return slug === '' ? [{ field: `${field}.slug`, description: 'value is required' }] : [];
  });
}
