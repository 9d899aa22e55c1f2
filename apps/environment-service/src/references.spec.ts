import { create } from '@bufbuild/protobuf';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import type { EnvironmentDocument } from './environment-document';
import { assertEnvironmentKind, describeReference, pick, wantedBy } from './references';
import { documentOf } from './testing/documents';

const reference = (slug: string, version = '') => create(ApiResourceReferenceSchema, { slug, version });
const found = (id: string, slug: string): EnvironmentDocument => documentOf({ _id: id, slug });

describe('A reference', () => {
  it('means an id before a slug, and a slug before a prefixed one', () => {
    const [byId, bySlug, byPrefix] = [
      found('env-prod', 'a'),
      found('env-1', 'env-prod'),
      found('env-2', 'prod'),
    ];
    expect(pick(reference('env-prod'), [byPrefix, bySlug, byId])).toBe(byId);
    expect(pick(reference('env-prod'), [byPrefix, bySlug])).toBe(bySlug);
    expect(pick(reference('env-prod'), [byPrefix])).toBe(byPrefix);
    expect(pick(reference('prod'), [byId, bySlug])).toBeUndefined();
  });

  it('asks once for what several references share', () => {
    expect(wantedBy('acme', [reference('env-a'), reference('env-a'), reference('b')])).toEqual({
      org: 'acme',
      ids: ['env-a', 'b'],
      slugs: ['env-a', 'a', 'b'],
    });
  });

  it('is shown with its version, and refused when it is to another kind', () => {
    expect(describeReference(reference('prod'))).toBe('prod');
    expect(describeReference(reference('prod', 'v1'))).toBe('prod@v1');
    const agent = create(ApiResourceReferenceSchema, { slug: 'x', kind: ApiResourceKind.agent });
    expect(() => {
      assertEnvironmentKind(agent);
    }).toThrow('kind: must be environment');
  });
});
