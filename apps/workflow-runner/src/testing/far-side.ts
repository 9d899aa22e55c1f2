import { create, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status as Code, type handleUnaryCall } from '@grpc/grpc-js';
import { serviceDefinition } from '@stigmer/proto';
import {
  AgentExecutionStatusSchema,
  type AgentExecutionStatus,
} from '@stigmer/proto/agentic/agentexecution/v1/api';
import {
  AgentExecutionCommandController,
  type AgentExecutionUpdateStatusInput,
} from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import {
  WorkflowExecutionStatusSchema,
  type WorkflowExecutionStatus,
} from '@stigmer/proto/agentic/workflowexecution/v1/api';
import {
  WorkflowExecutionCommandController,
  type WorkflowExecutionUpdateStatusInput,
} from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import {
  ExecutionSnapshots,
  type ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';

/** A run as the far side knows it. */
export interface FarRun {
  readonly snapshot: MessageInitShape<typeof ExecutionSnapshotSchema>;
  /** What the context holds; `text` and whether it is secret. */
  readonly variables?: Readonly<Record<string, readonly [text: string, secret: boolean]>>;
}

/**
 * The two services that the runner talks to, over real gRPC: contexts, snapshots and statuses in memory, with the
 * contract's rules for the merging of statuses.
 */
export class FarSide {
  readonly workflowStatuses = new Map<string, WorkflowExecutionStatus>();
  readonly agentStatuses = new Map<string, AgentExecutionStatus>();
  /** Every status update as it came, for searching. */
  readonly writes: (WorkflowExecutionUpdateStatusInput | AgentExecutionUpdateStatusInput)[] = [];
  /** When each of a workflow execution's updates came, in milliseconds. */
  readonly writtenAt = new Map<string, number[]>();
  readonly destroyed: string[] = [];
  /** The deleted executions whose status somebody still wanted to write. */
  readonly refused: string[] = [];
  readonly #runs = new Map<string, FarRun>();
  readonly #deleted = new Set<string>();
  readonly #server = new Server();
  /** An rpc's name here, or `<rpc> <execution id>`, makes it answer UNAVAILABLE. */
  readonly down = new Set<string>();

  static async start(): Promise<{ farSide: FarSide; address: string }> {
    const farSide = new FarSide();
    const port = await new Promise<number>((resolve, reject) => {
      farSide.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    return { farSide, address: `127.0.0.1:${port}` };
  }

  private constructor() {
    this.#serve(ExecutionContextQueryController, {
      getByExecutionId: ({ executionId }: { executionId: string }) => this.#context(executionId),
    });
    this.#serve(ContextVault, {
      destroy: ({ executionId }: { executionId: string }) => {
        this.destroyed.push(executionId);
        return { existed: true };
      },
    });
    this.#serve(ExecutionSnapshots, {
      get: ({ executionId }: { executionId: string }) => this.#runs.get(executionId)?.snapshot,
    });
    this.#serve(WorkflowExecutionCommandController, {
      updateStatus: (input: WorkflowExecutionUpdateStatusInput) => this.#updateWorkflow(input),
    });
    this.#serve(AgentExecutionCommandController, {
      updateStatus: (input: AgentExecutionUpdateStatusInput) => this.#updateAgent(input),
    });
    this.#serve(AgentExecutionQueryController, {
      get: ({ value }: { value: string }) => ({ status: this.agentStatuses.get(value) }),
    });
  }

  add(executionId: string, run: FarRun): void {
    this.#runs.set(executionId, run);
  }

  /** From now on nobody knows this execution: every rpc about it but `destroy` answers NOT_FOUND. */
  delete(executionId: string): void {
    this.#runs.delete(executionId);
    this.#deleted.add(executionId);
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #serve(service: DescService, handlers: Readonly<Record<string, (request: never) => unknown>>): void {
    const unary =
      (name: string): handleUnaryCall<unknown, unknown> =>
      ({ request }, answer) => {
        if (this.down.has(name) || this.down.has(`${name} ${idOf(request)}`)) {
          answer({ code: Code.UNAVAILABLE, details: 'down' });
          return;
        }
        const value = handlers[name]?.(request as never);
        answer(value === undefined ? { code: Code.NOT_FOUND, details: 'not there' } : null, value);
      };
    const methods = Object.keys(handlers).map((name) => [name, unary(name)] as const);
    this.#server.addService(serviceDefinition(service), Object.fromEntries(methods));
  }

  #context(executionId: string) {
    const variables = this.#runs.get(executionId)?.variables;
    if (variables === undefined || this.destroyed.includes(executionId)) return undefined;
    const entries = Object.entries(variables).map(
      ([name, [value, isSecret]]) => [name, { value, isSecret }] as const,
    );
    return { spec: { executionId, data: Object.fromEntries(entries) } };
  }

  #updateWorkflow(input: WorkflowExecutionUpdateStatusInput) {
    this.writes.push(input);
    const { executionId, status: update } = input;
    this.writtenAt.set(executionId, [...(this.writtenAt.get(executionId) ?? []), Date.now()]);
    if (this.#isGone(executionId)) return undefined;
    const before = this.workflowStatuses.get(executionId) ?? create(WorkflowExecutionStatusSchema);
    if (before.completedAt !== '' || update === undefined) return {};
    const tasks = before.tasks.filter(({ taskId }) => !update.tasks.some((task) => task.taskId === taskId));
    this.workflowStatuses.set(
      executionId,
      create(WorkflowExecutionStatusSchema, {
        phase: update.phase || before.phase,
        tasks: [...tasks, ...update.tasks],
        output: update.output ?? before.output,
        outputValue: update.outputValue ?? before.outputValue,
        error: update.error === '' ? before.error : update.error,
        startedAt: before.startedAt === '' ? update.startedAt : before.startedAt,
        completedAt: update.completedAt,
      }),
    );
    return {};
  }

  #isGone(executionId: string): boolean {
    const gone = this.#deleted.has(executionId);
    if (gone) this.refused.push(executionId);
    return gone;
  }

  #updateAgent(input: AgentExecutionUpdateStatusInput) {
    this.writes.push(input);
    const { executionId, status: update } = input;
    if (this.#isGone(executionId)) return undefined;
    const before = this.agentStatuses.get(executionId) ?? create(AgentExecutionStatusSchema);
    if (before.completedAt !== '' || update === undefined) return {};
    const calls = before.toolCalls.filter(({ id }) => !update.toolCalls.some((call) => call.id === id));
    this.agentStatuses.set(
      executionId,
      create(AgentExecutionStatusSchema, {
        phase: update.phase || before.phase,
        messages: update.messages.length < before.messages.length ? before.messages : update.messages,
        toolCalls: [...calls, ...update.toolCalls],
        error: update.error === '' ? before.error : update.error,
        completedAt: update.completedAt,
      }),
    );
    return {};
  }
}

function idOf(request: unknown): string {
  return (request as { readonly executionId?: string }).executionId ?? '';
}
