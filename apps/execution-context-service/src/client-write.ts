import { clone, create } from '@bufbuild/protobuf';
import { invalidArgument, invalidArguments, slugify } from '@stigmer/domain';
import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import {
  type ApiResourceMetadata,
  ApiResourceMetadataSchema,
} from '@stigmer/proto/commons/apiresource/metadata';
import { checkData, type ContextData } from './context-data';

export const DATA_FIELD = 'spec.data';
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const MAX_SLUG = 128;

/** A context as a client writes it: checked, and with the names that it left out. */
export interface ClientWrite {
  /** Empty when the client leaves it to us. */
  readonly id: string;
  readonly org: string;
  readonly slug: string;
  readonly executionId: string;
  readonly data: ContextData;
  /** What of the metadata has no column of its own. */
  readonly metadata: ApiResourceMetadata;
  /** The version that the write expects to replace; empty: any. */
  readonly expectedVersion: string;
  readonly message: string;
}

/** Reads a write; INVALID_ARGUMENT for what no context may be. */
export function readWrite({ metadata, spec }: ExecutionContext): ClientWrite {
  if (metadata === undefined) throw invalidArgument('metadata: value is required');
  if (spec === undefined) throw invalidArguments([{ field: 'spec', description: 'value is required' }]);
  checkData(spec.data, DATA_FIELD);
  const { name, labels, annotations, tags } = clone(ApiResourceMetadataSchema, metadata);
  return {
    id: checkedId(metadata.id),
    org: metadata.org,
    slug: slugOf(metadata, spec.executionId),
    ...{ executionId: spec.executionId, data: spec.data },
    metadata: create(ApiResourceMetadataSchema, { name, labels, annotations, tags }),
    expectedVersion: metadata.version?.id ?? '',
    message: metadata.version?.message ?? '',
  };
}

function checkedId(id: string): string {
  if (id === '' || ID.test(id)) return id;
  const description = 'must be letters, digits, ".", "_" or "-", at most 128';
  throw invalidArguments([{ field: 'metadata.id', description }]);
}

/** Clients seldom name a context: it is the one of its execution. */
function slugOf({ slug, name }: ApiResourceMetadata, executionId: string): string {
  const wanted = slug === '' ? slugify(name === '' ? executionId : name) : slug;
  if (wanted !== '' && wanted === slugify(wanted) && wanted.length <= MAX_SLUG) return wanted;
  const description = `must be [a-z0-9-], at most ${MAX_SLUG} characters`;
  throw invalidArguments([{ field: 'metadata.slug', description }]);
}
