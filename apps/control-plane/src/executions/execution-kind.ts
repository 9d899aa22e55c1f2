import type { Message } from '@bufbuild/protobuf';
import { ExecutionPhase } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { Diagnostic, VariableProvenance } from '@stigmer/proto/agentic/resolver/v1/io';
import type { ApiResourceAudit } from '@stigmer/proto/commons/apiresource/status';
import type { ExecutionSnapshot } from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Caller } from '@stigmer/service';
import type { Kind, Resource } from '../resources/kind';

/** The phases of a run. Both kinds of execution have an enum of their own with these same numbers. */
export const PHASE: Readonly<Record<PhaseName, number>> = {
  unspecified: ExecutionPhase.EXECUTION_PHASE_UNSPECIFIED,
  pending: ExecutionPhase.EXECUTION_PENDING,
  inProgress: ExecutionPhase.EXECUTION_IN_PROGRESS,
  completed: ExecutionPhase.EXECUTION_COMPLETED,
  failed: ExecutionPhase.EXECUTION_FAILED,
  cancelled: ExecutionPhase.EXECUTION_CANCELLED,
};

type PhaseName = 'unspecified' | 'pending' | 'inProgress' | 'completed' | 'failed' | 'cancelled';

/** Whether a run has ended. An end is final. */
export function isTerminal(phase: number): boolean {
  return phase === PHASE.completed || phase === PHASE.failed || phase === PHASE.cancelled;
}

/** What agent and workflow executions have in common. */
export type Execution = Resource & {
  spec?: Message & { runtimeEnv: Record<string, ExecutionValue>; callbackToken: Uint8Array };
  status?: ExecutionStatus;
};

export type ExecutionStatus = Message & {
  phase: number;
  error: string;
  startedAt: string;
  completedAt: string;
  provenance: Record<string, VariableProvenance>;
  warnings: Diagnostic[];
  audit?: ApiResourceAudit;
};

export type ExecutionKindName = 'AgentExecution' | 'WorkflowExecution';

/** What an execution runs, as it was when the execution was created. */
export interface RunPlan {
  readonly org: string;
  /** Its execution is left out: that is read when the snapshot is. */
  readonly snapshot: ExecutionSnapshot;
  readonly template: string;
  readonly instance: string;
  readonly session?: string;
}

/** A kind of execution, as far as reading one needs to know it. */
export interface KindOfExecution<E extends Execution> extends Kind<E> {
  readonly name: ExecutionKindName;
}

/** What is particular to one kind of execution. */
export interface ExecutionKind<E extends Execution> extends KindOfExecution<E> {
  readonly taskQueue: string;
  readonly workflowType: string;

  newStatus(id: string): NonNullable<E['status']>;

  /** Looks up what is to be run and writes the ids it found into the spec, in place. */
  plan(draft: E, caller: Caller): Promise<RunPlan>;

  /** Makes what a run needs besides its context. Repeatable. */
  ready?(snapshot: ExecutionSnapshot, caller: Caller): Promise<void>;

  /** Merges the parts of a status that only this kind has; absent parts leave what is there. */
  mergeStatus(into: NonNullable<E['status']>, change: NonNullable<E['status']>): void;

  /** Takes out, in place, what makes an execution large: a list that has no room goes without. */
  dropBulk(execution: E): void;

  /** The snapshot with the execution as it is now. */
  withExecution(snapshot: ExecutionSnapshot, execution: E): ExecutionSnapshot;
}
