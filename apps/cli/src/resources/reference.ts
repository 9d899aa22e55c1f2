import { create } from '@bufbuild/protobuf';
import { KINDS } from '@stigmer/domain';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceReferenceSchema, type ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { ServedKind } from './kinds';

/**
 * A reference as the server looks it up: `slug` may be an id, a slug or `<prefix>-<slug>`. An empty version is the
 * current one; only environments have others.
 */
export function reference(org: string, kind: ServedKind, slug: string, version = ''): ApiResourceReference {
  return create(ApiResourceReferenceSchema, {
    org,
    slug,
    version,
    kind: ApiResourceKind[KINDS[kind].enumName],
  });
}
