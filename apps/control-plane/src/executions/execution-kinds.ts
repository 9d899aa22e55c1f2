import { Injectable } from '@nestjs/common';
import { AgentExecutions } from './agent-executions';
import type { Execution, ExecutionKind, ExecutionKindName } from './execution-kind';
import { WorkflowExecutions } from './workflow-executions';

/** The kind of an execution of which only the row is known. */
@Injectable()
export class ExecutionKinds {
  constructor(
    private readonly agents: AgentExecutions,
    private readonly workflows: WorkflowExecutions,
  ) {}

  /** Calls `action` with the kind of this name, whichever it is. */
  use<T>(name: ExecutionKindName, action: <E extends Execution>(kind: ExecutionKind<E>) => T): T {
    switch (name) {
      case 'AgentExecution':
        return action(this.agents);
      case 'WorkflowExecution':
        return action(this.workflows);
    }
  }
}
