import { create, toBinary, type JsonObject as ProtoObject } from '@bufbuild/protobuf';
import type { Masker } from '@stigmer/domain';
import {
  AgentExecutionStatusSchema,
  AgentMessageSchema,
  ToolCallSchema,
  type AgentExecutionStatus,
  type AgentMessage,
  type ToolCall,
} from '@stigmer/proto/agentic/agentexecution/v1/api';
import { ExecutionPhase, MessageType, ToolCallStatus } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import type { Json, JsonObject } from '../json';

const RESULT_BYTES = 64 * 1024;
const STATUS_BYTES = 4 * 1024 * 1024;
/** Room for what is no text: names, times, tags. */
const OVERHEAD_BYTES = 1024;
const LEFT_OUT = '[left out: the status has reached 4 MiB]';

/**
 * The conversation as the execution's status keeps it: whole messages, masked before they are cut and before they are
 * stored. It only grows, so that a reader who has seen a message never sees it disappear.
 */
export class Transcript {
  readonly #masker: Masker;
  readonly #messages: AgentMessage[];
  readonly #calls: Map<string, ToolCall>;
  #bytes: number;

  /** Continues what an interrupted attempt has left in the status. */
  constructor(masker: Masker, before?: AgentExecutionStatus) {
    this.#masker = masker;
    this.#messages = [...(before?.messages ?? [])];
    this.#calls = new Map(before?.toolCalls.map((call) => [call.id, call]));
    this.#bytes = before === undefined ? 0 : toBinary(AgentExecutionStatusSchema, before).length;
  }

  add(type: MessageType, text: string, toolCallIds: readonly string[] = []): void {
    const content = this.#fit(this.#masker.text(text));
    const toolCalls = toolCallIds.flatMap((id) => this.#calls.get(id) ?? []);
    this.#messages.push(create(AgentMessageSchema, { type, content, timestamp: now(), toolCalls }));
  }

  /** A tool is being called. */
  begin(id: string, name: string, args: JsonObject): void {
    const masked = this.#masker.json(args);
    const fits = this.#reserve(Buffer.byteLength(JSON.stringify(masked)));
    const status = ToolCallStatus.TOOL_CALL_RUNNING;
    const shown = fits ? (masked as ProtoObject) : {};
    this.#calls.set(id, create(ToolCallSchema, { id, name, args: shown, status, startedAt: now() }));
  }

  /** A tool has answered or failed. Returns the answer as everybody outside may see it: the status and the model. */
  end(id: string, answer: Json, failed: boolean): string {
    const shown = cut(this.#asText(answer), RESULT_BYTES);
    const call = this.#calls.get(id);
    if (call === undefined) return shown;
    const kept = this.#fit(shown);
    this.#calls.set(
      id,
      create(ToolCallSchema, {
        id,
        name: call.name,
        args: call.args,
        startedAt: call.startedAt,
        completedAt: now(),
        status: failed ? ToolCallStatus.TOOL_CALL_FAILED : ToolCallStatus.TOOL_CALL_COMPLETED,
        result: failed ? '' : kept,
        error: failed ? kept : '',
      }),
    );
    return shown;
  }

  /** What `updateStatus` is given. */
  status(): AgentExecutionStatus {
    return create(AgentExecutionStatusSchema, {
      phase: ExecutionPhase.EXECUTION_IN_PROGRESS,
      messages: this.#messages,
      toolCalls: [...this.#calls.values()],
    });
  }

  /** Masked before it becomes text: behind an escape (`\\n` and then a weak secret) no token begins. */
  #asText(answer: Json): string {
    if (typeof answer === 'string') return this.#masker.text(answer);
    return this.#masker.text(JSON.stringify(this.#masker.json(answer)));
  }

  #fit(text: string): string {
    return this.#reserve(Buffer.byteLength(text)) ? text : LEFT_OUT;
  }

  #reserve(bytes: number): boolean {
    const fits = this.#bytes + bytes + OVERHEAD_BYTES <= STATUS_BYTES;
    this.#bytes += (fits ? bytes : LEFT_OUT.length) + OVERHEAD_BYTES;
    return fits;
  }
}

/** At most so many bytes of UTF-8, never half a character. The text is masked already. */
export function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const kept = new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
  return `${kept}… [cut at ${bytes / 1024} KiB]`;
}

function now(): string {
  return new Date().toISOString();
}
