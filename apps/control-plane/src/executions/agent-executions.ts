import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { invalidArguments, KINDS, notFound, TASK_QUEUES, WORKFLOW_TYPES } from '@stigmer/domain';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import {
  type AgentExecution,
  AgentExecutionSchema,
  type AgentExecutionStatus,
  AgentExecutionStatusSchema,
} from '@stigmer/proto/agentic/agentexecution/v1/api';
import { ExecutionPhase } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { type Session, SessionSchema } from '@stigmer/proto/agentic/session/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import {
  AgentRunSchema,
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Caller } from '@stigmer/service';
import { brokenReferences, lookUp } from '../instances/references';
import { Sessions } from '../instances/sessions';
import { API_VERSION } from '../resources/api-version';
import { metadataOf, required } from '../resources/kind';
import { AGENT, AGENT_INSTANCE, SESSION } from '../resources/kinds';
import { Resources } from '../resources/resources';
import { Agents } from '../templates/agents';
import type { ExecutionKind, RunPlan } from './execution-kind';
import { mergeById, replaceUnlessShorter } from './status-merge';

/** What an agent's run is made of. */
interface Cast {
  readonly agent: Agent;
  readonly instance: AgentInstance;
  readonly session: Session;
}

/** The rules of an agent's execution. */
@Injectable()
export class AgentExecutions implements ExecutionKind<AgentExecution> {
  readonly name = 'AgentExecution';
  readonly schema = AgentExecutionSchema;
  readonly taskQueue = TASK_QUEUES.agents;
  readonly workflowType = WORKFLOW_TYPES.agent;

  constructor(
    private readonly resources: Resources,
    private readonly agents: Agents,
    private readonly sessions: Sessions,
  ) {}

  newStatus(): AgentExecutionStatus {
    return create(AgentExecutionStatusSchema, { phase: ExecutionPhase.EXECUTION_PENDING });
  }

  async plan(draft: AgentExecution, caller: Caller): Promise<RunPlan> {
    const spec = required(draft.spec, 'spec');
    const { agent, instance, session } =
      spec.sessionId === '' ? await this.fromAgent(draft, caller) : await this.fromSession(draft);
    spec.agentId = metadataOf(agent).id;
    spec.sessionId = metadataOf(session).id;
    const run = create(AgentRunSchema, { agent, instance, session });
    return {
      org: metadataOf(session).org,
      snapshot: create(ExecutionSnapshotSchema, { run: { case: 'agent', value: run } }),
      template: spec.agentId,
      instance: metadataOf(instance).id,
      session: spec.sessionId,
    };
  }

  /** A session that came into being with this run is stored only once the run is. */
  async ready({ run }: ExecutionSnapshot, caller: Caller): Promise<void> {
    const session = run.case === 'agent' ? run.value.session : undefined;
    if (session === undefined || metadataOf(session).version !== undefined) return;
    const { org, id } = metadataOf(session);
    const existing = await this.resources.find(SESSION, org, id);
    if (existing === undefined) await this.resources.create(this.sessions, session, caller);
  }

  mergeStatus(into: AgentExecutionStatus, change: AgentExecutionStatus): void {
    into.messages = replaceUnlessShorter(into.messages, change.messages);
    into.toolCalls = mergeById(into.toolCalls, change.toolCalls, ({ id }) => id);
    into.subAgentExecutions = mergeById(into.subAgentExecutions, change.subAgentExecutions, ({ id }) => id);
    // Not by assignment: a key called `__proto__` would replace the map's prototype.
    into.todos = Object.fromEntries([...Object.entries(into.todos), ...Object.entries(change.todos)]);
  }

  dropBulk({ status }: AgentExecution): void {
    if (status === undefined) return;
    status.messages = [];
    status.toolCalls = [];
    status.subAgentExecutions = [];
    status.todos = {};
  }

  withExecution({ run }: ExecutionSnapshot, execution: AgentExecution): ExecutionSnapshot {
    const { agent, instance, session } = run.case === 'agent' ? run.value : {};
    return create(ExecutionSnapshotSchema, {
      run: { case: 'agent', value: { execution, agent, instance, session } },
    });
  }

  private async fromAgent(draft: AgentExecution, caller: Caller): Promise<Cast> {
    const { id, org } = metadataOf(draft);
    const ref = draft.spec?.agentId ?? '';
    if (ref === '') {
      throw invalidArguments([
        { field: 'spec.agent_id', description: 'this or spec.session_id is required' },
      ]);
    }
    const agent = await this.resources.find(AGENT, org, ref);
    if (agent === undefined) throw notFound('Agent', ref);
    const instance = await this.agents.defaultInstance(agent, caller);
    return {
      agent,
      instance,
      session: newSession(id, org === '' ? metadataOf(agent).org : org, draft, instance),
    };
  }

  private async fromSession(draft: AgentExecution): Promise<Cast> {
    const { sessionId = '', agentId = '' } = draft.spec ?? {};
    const session = await this.resources.find(SESSION, metadataOf(draft).org, sessionId);
    if (session === undefined) throw notFound('Session', sessionId);
    const { org } = metadataOf(session);
    const instance = await lookUp(
      this.resources,
      AGENT_INSTANCE,
      org,
      session.spec?.agentInstanceId ?? '',
      'spec.session_id',
    );
    if (instance.fault !== undefined) throw brokenReferences([instance.fault]);
    const agent = await lookUp(
      this.resources,
      AGENT,
      org,
      instance.found.spec?.agentId ?? '',
      'spec.session_id',
    );
    if (agent.fault !== undefined) throw brokenReferences([agent.fault]);
    if (
      agentId !== '' &&
      (await this.resources.find(AGENT, org, agentId))?.metadata?.id !== metadataOf(agent.found).id
    ) {
      throw invalidArguments([{ field: 'spec.agent_id', description: 'is not the agent of the session' }]);
    }
    return { agent: agent.found, instance: instance.found, session };
  }
}

/** The session of a run that names only an agent; its id follows from the run's, so that a retry makes no second one. */
function newSession(
  executionId: string,
  org: string,
  draft: AgentExecution,
  instance: AgentInstance,
): Session {
  const id = `${KINDS.Session.idPrefix}-${executionId.replace(`${KINDS.AgentExecution.idPrefix}-`, '')}`;
  const subject = (draft.spec?.message ?? '').slice(0, 120);
  return create(SessionSchema, {
    apiVersion: API_VERSION,
    kind: 'Session',
    metadata: { id, org, ownerScope: ApiResourceOwnerScope.organization },
    spec: { agentInstanceId: metadataOf(instance).id, subject },
  });
}
