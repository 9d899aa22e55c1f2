import { create } from '@bufbuild/protobuf';
import { DomainError, KINDS } from '@stigmer/domain';
import { AgentExecutionSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { SessionSchema } from '@stigmer/proto/agentic/session/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import type { Stigmer } from '@stigmer/sdk';
import { withServer } from '../client';
import type { Context } from '../context';
import { note } from '../output/print';
import { API_VERSION } from '../resources/kinds';
import { UsageError } from '../usage-error';
import { gatherVariables, refuseWithoutTerminal } from '../variables/collect';
import type { VariableFlags } from '../variables/flags';
import { toRuntimeEnv } from '../variables/runtime-env';
import { agentRuns } from './agent-runs';
import { newId } from './execution-id';
import { executeRun } from './run';
import { findTarget } from './target';
import { agents } from './templates';

export interface AgentRunFlags extends VariableFlags {
  readonly message: string;
  readonly instance?: string;
  readonly session?: string;
  readonly model?: string;
  readonly wait: boolean;
}

/** Runs an agent. */
export async function executeAgent(context: Context, ref: string, flags: AgentRunFlags): Promise<void> {
  if (flags.session !== undefined && flags.instance !== undefined) {
    throw new UsageError(
      '--session and --instance exclude each other',
      'a session belongs to an instance already',
    );
  }
  if (flags.message.trim() === '') throw new UsageError('--message is empty');
  refuseWithoutTerminal(context, flags);
  const variables = await gatherVariables(context, flags);
  await withServer(context, async (server) => {
    const { agentId, instanceId } = await participants(context, server, ref, flags);
    const runtimeEnv = toRuntimeEnv(await variables.complete());
    const opened = instanceId === undefined ? undefined : await openSession(server, instanceId);
    const id = newId(agentRuns.idPrefix);
    const execution = create(AgentExecutionSchema, {
      apiVersion: API_VERSION,
      kind: 'AgentExecution',
      metadata: { id, name: id, org: context.org },
      spec: {
        agentId,
        sessionId: opened ?? flags.session ?? '',
        message: flags.message,
        executionConfig: flags.model === undefined ? undefined : { modelName: flags.model },
        runtimeEnv,
      },
    });
    try {
      await executeRun(context, server, agentRuns, execution, flags.wait);
    } catch (error) {
      if (opened !== undefined && isRefusal(error)) await forgetSession(server, opened);
      throw error;
    }
  });
}

/** Which agent runs, and in a new session with which instance; none where a session is named or the server makes one. */
async function participants(context: Context, server: Stigmer, ref: string, flags: AgentRunFlags) {
  if (flags.session !== undefined) return { agentId: ref, instanceId: undefined };
  const { template, instance, note: choice } = await findTarget(server, agents, ref, flags.instance);
  if (choice !== undefined) note(context, choice);
  return { agentId: template.metadata?.id ?? ref, instanceId: instance?.metadata?.id };
}

/** A session without a subject: taken from the message, it would keep what of a secret stands in there. */
async function openSession(server: Stigmer, agentInstanceId: string): Promise<string> {
  const id = newId(KINDS.Session.idPrefix);
  const session = create(SessionSchema, {
    apiVersion: API_VERSION,
    kind: 'Session',
    metadata: { id, name: id, org: server.org, ownerScope: ApiResourceOwnerScope.organization },
    spec: { agentInstanceId },
  });
  await server.sessions.create(session);
  return id;
}

/** Whether the server said no, so that there is no run; after an uncertain answer there may be one. */
function isRefusal(error: unknown): boolean {
  return error instanceof DomainError && error.kind !== 'unavailable';
}

/** A refused run leaves nothing behind. Should this fail too, an empty session does no harm. */
async function forgetSession(server: Stigmer, value: string): Promise<void> {
  await server.sessions.delete({ value }).catch(() => undefined);
}
