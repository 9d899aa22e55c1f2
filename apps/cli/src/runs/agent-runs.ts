import type { AgentExecution, AgentMessage, ToolCall } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { MessageType, ToolCallStatus } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { shortened } from './shortened';
import type { RunKind } from './run-kind';

/** Runs of agents. */
export const agentRuns: RunKind<AgentExecution> = {
  name: 'AgentExecution',
  idPrefix: 'aex',
  create: (server, execution) => server.agentExecutions.create(execution),
  get: (server, value) => server.agentExecutions.get({ value }),
  subscribe: (server, value, signal) => server.agentExecutions.subscribe({ value }, { signal }),
  cancel: (server, value) => server.agentExecutions.cancel({ value }),
  progress,
  result: ({ status }) => status?.messages.findLast(isAnswer)?.content ?? '',
};

function progress(before: AgentExecution | undefined, now: AgentExecution): readonly string[] {
  return [...newMessages(before, now), ...changedCalls(before, now)];
}

/** Messages that came before the last one: that one is the answer, or will be when it is whole. */
function newMessages(before: AgentExecution | undefined, { status }: AgentExecution): readonly string[] {
  const seen = Math.max(0, (before?.status?.messages.length ?? 0) - 1);
  return (status?.messages ?? [])
    .slice(seen, -1)
    .filter((message) => isAnswer(message) && message.content !== '')
    .map(({ content }) => `agent: ${shortened(content)}`);
}

function changedCalls(before: AgentExecution | undefined, { status }: AgentExecution): readonly string[] {
  const known = new Map(before?.status?.toolCalls.map((call) => [call.id, call.status]));
  return (status?.toolCalls ?? []).filter((call) => known.get(call.id) !== call.status).map(callLine);
}

function callLine({ name, status, error }: ToolCall): string {
  switch (status) {
    case ToolCallStatus.TOOL_CALL_FAILED:
      return `tool ${name} failed: ${shortened(error)}`;
    case ToolCallStatus.TOOL_CALL_COMPLETED:
      return `tool ${name} completed`;
    case ToolCallStatus.TOOL_CALL_STATUS_UNSPECIFIED:
    case ToolCallStatus.TOOL_CALL_PENDING:
    case ToolCallStatus.TOOL_CALL_RUNNING:
      return `tool ${name} started`;
  }
}

function isAnswer({ type }: AgentMessage): boolean {
  return type === MessageType.MESSAGE_AI;
}
