import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';

/** `EXECUTION_IN_PROGRESS` → `in progress`. Agents and workflows number their phases alike. */
export function phaseName(phase: number): string {
  const name: string | undefined = ExecutionPhase[phase];
  return name === undefined
    ? 'unknown'
    : name
        .replace(/^EXECUTION_(PHASE_)?/, '')
        .replaceAll('_', ' ')
        .toLowerCase();
}

/** A phase after which nothing changes any more. */
export function isTerminal(phase: number): boolean {
  const { EXECUTION_COMPLETED, EXECUTION_FAILED, EXECUTION_CANCELLED } = ExecutionPhase;
  return (
    phase === EXECUTION_COMPLETED.valueOf() ||
    phase === EXECUTION_FAILED.valueOf() ||
    phase === EXECUTION_CANCELLED.valueOf()
  );
}
