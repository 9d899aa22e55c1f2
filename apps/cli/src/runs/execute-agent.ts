import { create } from '@bufbuild/protobuf';
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
import { shortened } from './shortened';
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
    const { agentId, sessionId } = await conversation(context, server, ref, flags);
    const id = newId(agentRuns.idPrefix);
    const execution = create(AgentExecutionSchema, {
      apiVersion: API_VERSION,
      kind: 'AgentExecution',
      metadata: { id, name: id, org: context.org },
      spec: {
        agentId,
        sessionId,
        message: flags.message,
        executionConfig: flags.model === undefined ? undefined : { modelName: flags.model },
        runtimeEnv: toRuntimeEnv(await variables.complete()),
      },
    });
    await executeRun(context, server, agentRuns, execution, flags.wait);
  });
}

/** Which agent, and in which session: the named one, a new one with the chosen instance, or one the server makes. */
async function conversation(context: Context, server: Stigmer, ref: string, flags: AgentRunFlags) {
  if (flags.session !== undefined) return { agentId: ref, sessionId: flags.session };
  const target = await findTarget(server, agents, ref, flags.instance);
  if (target.note !== undefined) note(context, target.note);
  const agentId = target.template.metadata?.id ?? ref;
  const instanceId = target.instance?.metadata?.id;
  if (instanceId === undefined) return { agentId, sessionId: '' };
  const id = newId('ses');
  const session = create(SessionSchema, {
    apiVersion: API_VERSION,
    kind: 'Session',
    metadata: { id, name: id, org: context.org, ownerScope: ApiResourceOwnerScope.organization },
    spec: { agentInstanceId: instanceId, subject: shortened(flags.message) },
  });
  const { metadata } = await server.sessions.create(session);
  return { agentId, sessionId: metadata?.id ?? id };
}
