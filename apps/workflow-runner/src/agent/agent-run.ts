import { Context } from '@temporalio/activity';
import { MessageType } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import type { AgentRun } from '@stigmer/proto/internal/v1/execution_snapshots';
import { McpConnection } from '../mcp/connection';
import { planLaunch } from '../mcp/launch';
import type { RunSecrets } from '../secrets';
import type { AgentDeps } from './agent-activities';
import { converse } from './conversation';
import { maskedModel } from './masked-model';
import { chooseModel } from './model';
import { StatusWriter } from './status-writer';
import { Transcript } from './transcript';

/** One conversation with a model, from the start of its servers to their end. */
export async function runAgent(
  deps: AgentDeps,
  executionId: string,
  run: AgentRun,
  secrets: RunSecrets,
): Promise<void> {
  const { clients } = deps;
  // An execution that was deleted while it ran ends here: nobody may read what its agent would still do.
  const gone = new AbortController();
  const signal = AbortSignal.any([Context.current().cancellationSignal, gone.signal]);
  const message = run.execution?.spec?.message ?? '';
  const { model: unmasked, apiKey } = chooseModel(
    deps.model,
    secrets.variables,
    run.execution?.spec?.executionConfig?.modelName ?? '',
  );
  if (apiKey !== undefined) secrets.add([apiKey]);
  const model = maskedModel(unmasked, secrets.masker);
  const transcript = await beginTranscript(deps, executionId, message, secrets);
  const write = (status: ReturnType<Transcript['status']>) =>
    clients.agentExecutions.updateStatus({ executionId, status });
  const writer = new StatusWriter(
    () => transcript.status(),
    write,
    signal,
    (reason) => {
      gone.abort(reason);
    },
  );
  writer.changed();
  const connections = await connect(deps, run, secrets, signal);
  try {
    const instructions = run.agent?.spec?.instructions ?? '';
    const { maxTurns } = deps;
    await converse({
      model,
      instructions,
      message,
      connections,
      maxTurns,
      transcript,
      writer,
      signal,
    });
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
    if (!signal.aborted) await writer.flush();
  }
}

/** An attempt after a crash continues the list of messages, since the control-plane keeps the longer one. */
async function beginTranscript(
  { clients }: AgentDeps,
  executionId: string,
  message: string,
  { masker }: RunSecrets,
): Promise<Transcript> {
  if (Context.current().info.attempt === 1) {
    const transcript = new Transcript(masker);
    transcript.add(MessageType.MESSAGE_HUMAN, message);
    return transcript;
  }
  const { status } = await clients.agentExecutionReads.get({ value: executionId });
  const transcript = new Transcript(masker, status);
  const lost = 'The runner was interrupted. The conversation starts again.';
  if ((status?.messages.length ?? 0) > 0) transcript.add(MessageType.MESSAGE_SYSTEM, lost);
  transcript.add(MessageType.MESSAGE_HUMAN, message);
  return transcript;
}

/** All servers of the agent, or none: what was started is ended when another one does not start. */
async function connect(
  deps: AgentDeps,
  run: AgentRun,
  secrets: RunSecrets,
  signal: AbortSignal,
): Promise<readonly McpConnection[]> {
  const owner = run.agent?.metadata?.id ?? '';
  const started = await Promise.allSettled(
    (run.agent?.spec?.mcpServers ?? []).map(async (definition) => {
      const launch = await planLaunch(definition, secrets.variables, owner, deps.surroundings);
      return McpConnection.open(definition.name, launch, definition.enabledTools, signal);
    }),
  );
  const open = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return open;
  await Promise.all(open.map((connection) => connection.close()));
  throw failed.reason;
}
