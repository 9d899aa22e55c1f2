import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type ApiResourceAudit,
  type ApiResourceAuditInfo,
  ApiResourceAuditInfoSchema,
  ApiResourceAuditSchema,
} from '@stigmer/proto/commons/apiresource/status';

/** Who wrote, and when. */
export interface Stamp {
  readonly actor: string;
  readonly at: Date;
}

/** The audit of a resource whose spec is being written. */
export function specWritten(previous: ApiResourceAudit | undefined, stamp: Stamp): ApiResourceAudit {
  return create(ApiResourceAuditSchema, {
    specAudit: written(previous?.specAudit, stamp),
    statusAudit: previous?.statusAudit ?? written(undefined, stamp),
  });
}

/** The audit of a resource whose status is being written. */
export function statusWritten(previous: ApiResourceAudit | undefined, stamp: Stamp): ApiResourceAudit {
  return create(ApiResourceAuditSchema, {
    specAudit: previous?.specAudit ?? written(undefined, stamp),
    statusAudit: written(previous?.statusAudit, stamp),
  });
}

function written(previous: ApiResourceAuditInfo | undefined, { actor, at }: Stamp): ApiResourceAuditInfo {
  const time = timestampFromDate(at);
  return create(ApiResourceAuditInfoSchema, {
    createdBy: previous?.createdBy ?? { id: actor },
    createdAt: previous?.createdAt ?? time,
    updatedBy: { id: actor },
    updatedAt: time,
    event: previous === undefined ? 'created' : 'updated',
  });
}
