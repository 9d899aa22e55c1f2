import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import type {
  ListSessionsByAgentRequest,
  ListSessionsRequest,
  SessionId,
} from '@stigmer/proto/agentic/session/v1/io';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { type Page, pageNumbered } from '../resources/paging';
import { Resources } from '../resources/resources';
import type { ListFilter } from '../resources/resources.store';
import { Sessions } from './sessions';

@GrpcController(SessionCommandController)
export class SessionCommands implements RpcHandlers<typeof SessionCommandController> {
  constructor(
    private readonly resources: Resources,
    private readonly sessions: Sessions,
  ) {}

  apply(session: Session, { caller }: CallContext) {
    return this.resources.apply(this.sessions, session, caller);
  }

  create(session: Session, { caller }: CallContext) {
    return this.resources.create(this.sessions, session, caller);
  }

  update(session: Session, { caller }: CallContext) {
    return this.resources.update(this.sessions, session, caller);
  }

  delete({ value }: SessionId) {
    return this.resources.delete(this.sessions, value);
  }
}

@GrpcController(SessionQueryController)
export class SessionQueries implements RpcHandlers<typeof SessionQueryController> {
  constructor(
    private readonly resources: Resources,
    private readonly sessions: Sessions,
  ) {}

  get({ value }: SessionId) {
    return this.resources.get(this.sessions, value);
  }

  list({ tags, pageSize, pageToken }: ListSessionsRequest) {
    return this.page({ tags }, pageNumbered(pageSize, pageToken));
  }

  listByAgent({ agentId, pageSize, pageToken }: ListSessionsByAgentRequest) {
    return this.page({ parent: agentId }, pageNumbered(pageSize, pageToken));
  }

  private async page(filter: ListFilter, page: Page) {
    const { items, total } = await this.resources.list(this.sessions, filter, page);
    return { entries: items, totalPages: Math.ceil(total / page.size) };
  }
}
