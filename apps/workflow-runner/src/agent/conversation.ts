import { MessageType } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import {
  APICallError,
  generateText,
  isStepCount,
  RetryError,
  type LanguageModel,
  type StepResult,
  type ToolSet,
} from 'ai';
import { TaskFailure } from '../failure';
import type { McpConnection } from '../mcp/connection';
import { describeNetworkError } from '../network-error';
import type { StatusWriter } from './status-writer';
import { toolsOf } from './tools';
import type { Transcript } from './transcript';

export interface Conversation {
  readonly model: LanguageModel;
  readonly instructions: string;
  readonly message: string;
  readonly connections: readonly McpConnection[];
  readonly maxTurns: number;
  readonly transcript: Transcript;
  readonly writer: Pick<StatusWriter<unknown>, 'changed'>;
  readonly signal: AbortSignal;
}

const MODEL_RETRIES = 3;

/** Lets the model answer and call tools until it has nothing more to call. */
export async function converse(conversation: Conversation): Promise<void> {
  const { model, transcript, writer, signal, maxTurns } = conversation;
  let called = false;
  const tools = await toolsOf(conversation.connections, {
    transcript,
    writer,
    signal,
    onCall: () => {
      called = true;
    },
  });
  try {
    const { finishReason } = await generateText({
      model,
      tools,
      instructions: conversation.instructions,
      prompt: conversation.message,
      stopWhen: isStepCount(maxTurns),
      maxRetries: MODEL_RETRIES,
      abortSignal: signal,
      onStepEnd: (step) => {
        record(step, transcript, writer);
      },
    });
    if (finishReason === 'tool-calls') {
      throw new TaskFailure('LimitReached', `the agent has taken ${maxTurns} turns without an end`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw asModelFailure(error, called);
  }
}

/** What the model said, then what it was told: whole messages. */
function record(
  step: StepResult<ToolSet>,
  transcript: Transcript,
  writer: Pick<StatusWriter<unknown>, 'changed'>,
): void {
  const ids = step.toolCalls.map(({ toolCallId }) => toolCallId);
  if (step.text !== '' || ids.length > 0) transcript.add(MessageType.MESSAGE_AI, step.text, ids);
  for (const { output } of step.toolResults) {
    transcript.add(MessageType.MESSAGE_TOOL, typeof output === 'string' ? output : JSON.stringify(output));
  }
  writer.changed();
}

/** A second attempt starts the conversation anew, so it is made only while no tool has had an effect. */
function asModelFailure(error: unknown, called: boolean): unknown {
  if (error instanceof TaskFailure) return error;
  const last: unknown = RetryError.isInstance(error) ? error.lastError : error;
  if (APICallError.isInstance(last)) {
    const status = last.statusCode === undefined ? '' : ` (status ${last.statusCode})`;
    const message = `the model’s endpoint failed${status}: ${describeNetworkError(last)}`;
    return new TaskFailure('ModelFailed', message, { retryable: last.isRetryable && !called });
  }
  return new TaskFailure('ModelFailed', `the model’s answer cannot be used: ${describeNetworkError(last)}`);
}
