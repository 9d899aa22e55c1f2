import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import type { EnvironmentDocument } from '../environment-document';

/** A stored environment without variables, in the parts that a test does not care about. */
export function documentOf(parts: Partial<EnvironmentDocument>): EnvironmentDocument {
  const made = { by: 'alice', at: new Date(0) };
  return {
    _id: 'env-1',
    org: 'acme',
    slug: 'prod',
    name: 'Prod',
    owner_scope: ApiResourceOwnerScope.organization,
    labels: new Map(),
    annotations: new Map(),
    tags: [],
    description: '',
    imports: [],
    data: new Map(),
    lineage: 'ver-1',
    version: { id: 'ver-1', number: 1, message: '', previous: '' },
    changes: { added: [], changed: [], removed: [] },
    revision_tags: new Map(),
    created: made,
    updated: made,
    ...parts,
  };
}
