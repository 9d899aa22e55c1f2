import { clone, create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import {
  type ApiResourceAuditStatus,
  ApiResourceAuditStatusSchema,
} from '@stigmer/proto/commons/apiresource/status';
import { ExecutionStore } from '../executions/executions.store';
import { type Columns, metadataOf, required, type ResourceKind } from '../resources/kind';
import { AGENT_INSTANCE, SESSION } from '../resources/kinds';
import { Resources } from '../resources/resources';
import { brokenReferences, inUse, lookUp, refuseChange } from './references';

/** The rules of a session: a conversation with one instance of an agent. */
@Injectable()
export class Sessions implements ResourceKind<Session> {
  readonly name = SESSION.name;
  readonly schema = SESSION.schema;

  constructor(
    private readonly resources: Resources,
    private readonly executions: ExecutionStore,
  ) {}

  async admit(draft: Session, stored: Session | undefined): Promise<Columns> {
    const spec = required(draft.spec, 'spec');
    const field = 'spec.agent_instance_id';
    const instance = await lookUp(
      this.resources,
      AGENT_INSTANCE,
      metadataOf(draft).org,
      spec.agentInstanceId,
      field,
    );
    if (instance.fault !== undefined) throw brokenReferences([instance.fault]);
    spec.agentInstanceId = metadataOf(instance.found).id;
    refuseChange(field, stored?.spec?.agentInstanceId, spec.agentInstanceId);
    return { parents: [spec.agentInstanceId, instance.found.spec?.agentId ?? ''] };
  }

  status(stored: Session | undefined): ApiResourceAuditStatus {
    return clone(ApiResourceAuditStatusSchema, stored?.status ?? create(ApiResourceAuditStatusSchema));
  }

  async release(session: Session): Promise<void> {
    const running = await this.executions.running({ session: metadataOf(session).id });
    if (running.length > 0) throw inUse(session, running);
  }
}
