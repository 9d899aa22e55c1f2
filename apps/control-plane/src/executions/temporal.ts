import { status } from '@grpc/grpc-js';
import type { OnModuleDestroy } from '@nestjs/common';
import { failedPrecondition, unavailable } from '@stigmer/domain';
import {
  Client,
  Connection,
  isGrpcServiceError,
  NamespaceNotFoundError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { Limits } from '../limits';

/** What Temporal says of a run. */
export type RunState =
  | { readonly state: 'open' }
  | { readonly state: 'absent' }
  | { readonly state: 'closed'; readonly as: string };

/** Answers that no repetition would change. After any other, nobody knows whether it happened. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.PERMISSION_DENIED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

/** The runs on Temporal. A run's workflow id is its execution's id, and that id is all that Temporal is told. */
export class TemporalRuns implements OnModuleDestroy {
  private readonly connection: Connection;
  private readonly client: Client;

  constructor(
    address: string,
    namespace: string,
    private readonly limits: Limits,
  ) {
    this.connection = Connection.lazy({
      address,
      connectTimeout: limits.callMs,
      // A server that comes back is found again within a second.
      channelArgs: { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 },
    });
    this.client = new Client({ connection: this.connection, namespace });
  }

  async onModuleDestroy(): Promise<void> {
    await this.connection.close();
  }

  /** UNAVAILABLE where Temporal does not answer: asked before anything is written. */
  async checkReachable(): Promise<void> {
    await this.call(() => this.connection.workflowService.getSystemInfo({}));
  }

  /** Starts the workflow of an execution; one that was started already, even one that has ended, counts. */
  async start(workflowType: string, taskQueue: string, id: string): Promise<void> {
    await this.call(async () => {
      try {
        await this.client.workflow.start(workflowType, {
          taskQueue,
          workflowId: id,
          args: [id],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'FAIL',
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    });
  }

  /** Asks a run to end. Says whether there was an open one to ask. */
  async cancel(id: string): Promise<boolean> {
    return this.ifPresent(() => this.client.workflow.getHandle(id).cancel());
  }

  /** Ends a run without running any of its code. */
  async terminate(id: string, reason: string): Promise<boolean> {
    return this.ifPresent(() => this.client.workflow.getHandle(id).terminate(reason));
  }

  async describe(id: string): Promise<RunState> {
    return this.call(async () => {
      try {
        const description = await this.client.workflow.getHandle(id).describe();
        const { name } = description.status;
        return name === 'RUNNING' ? { state: 'open' } : { state: 'closed', as: name };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: 'absent' };
        throw error;
      }
    });
  }

  private ifPresent(ask: () => Promise<unknown>): Promise<boolean> {
    return this.call(async () => {
      try {
        await ask();
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    });
  }

  private async call<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await this.connection.withDeadline(Date.now() + this.limits.callMs, ask);
    } catch (error) {
      throw translate(error);
    }
  }
}

function translate(error: unknown): Error {
  if (error instanceof NamespaceNotFoundError) {
    return failedPrecondition(`Temporal has no namespace ${error.namespace}`, [], { cause: error });
  }
  const cause = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(cause) && REFUSALS.has(cause.code)) {
    return failedPrecondition(`Temporal refuses: ${cause.details}`, [], { cause: error });
  }
  return unavailable('Temporal cannot be reached; try again', [], { cause: error });
}
