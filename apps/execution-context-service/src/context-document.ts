import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CryptoHeader } from '@stigmer/crypto';
import {
  type ExecutionContext,
  ExecutionContextSchema,
} from '@stigmer/proto/agentic/executioncontext/v1/api';
import type { ApiResourceMetadata } from '@stigmer/proto/commons/apiresource/metadata';
import type { ContextData } from './context-data';

/**
 * Where a context comes from. `run`: made by the resolver for a run, opened for the runner. `gateway`: made through
 * the public contract, never opened for a run; so nobody outside can take a run's execution id first.
 */
export type Origin = 'run' | 'gateway';

/** A context as it lies in the database: what is readable of it, and everything else as one sealed blob. */
export interface ContextDocument {
  readonly _id: string;
  readonly execution_id: string;
  readonly origin: Origin;
  readonly org: string;
  readonly slug: string;
  /** The name, labels and the like, as the client wrote them; what has a column of its own is left out. */
  readonly metadata: ApiResourceMetadata;
  readonly version: { readonly id: string; readonly message: string; readonly previous: string };
  readonly created: Stamp;
  readonly updated: Stamp;
  readonly expires_at: Date;
  /** Unset first when the context is destroyed: from then on nobody can open the blob. */
  readonly crypto: CryptoHeader;
  readonly sealed: Buffer;
}

/** Who, and when. */
export interface Stamp {
  readonly by: string;
  readonly at: Date;
}

/** The context on the wire, with `data` as the caller may see it. */
export function toResource(document: ContextDocument, data: ContextData): ExecutionContext {
  const { _id: id, org, slug, execution_id: executionId } = document;
  const { name, labels, annotations, tags } = document.metadata;
  const { id: version, message, previous: previousVersionId } = document.version;
  const audit = toAudit(document);
  return create(ExecutionContextSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'ExecutionContext',
    metadata: {
      ...{ id, org, slug, name, labels, annotations, tags },
      version: { id: version, message, previousVersionId },
    },
    spec: { executionId, data },
    status: { audit: { specAudit: audit, statusAudit: audit } },
  });
}

function toAudit({ created, updated, version }: ContextDocument) {
  return {
    createdBy: { id: created.by },
    createdAt: timestampFromDate(created.at),
    updatedBy: { id: updated.by },
    updatedAt: timestampFromDate(updated.at),
    event: version.previous === '' ? 'created' : 'updated',
  };
}
