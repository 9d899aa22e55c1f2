import { ExecutionPhase } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import type { Logger } from '@stigmer/service';
import type { Clients } from '../clients';
import { endOf, TaskFailure } from '../failure';
import type { Surroundings } from '../mcp/launch';
import type { AgentActivities, Outcome } from '../run-types';
import { withSecrets } from '../secrets';
import { ifStillThere } from '../writes';
import type { ModelSettings } from './model';

/** What the activities of agents work with. */
export interface AgentDeps {
  readonly clients: Clients;
  readonly surroundings: Surroundings;
  readonly model: ModelSettings;
  readonly maxTurns: number;
  readonly timeLimitSeconds: number;
  readonly log: Logger;
}

/** The activities of `runAgent`. */
export function createAgentActivities(deps: AgentDeps): AgentActivities {
  const { clients, log } = deps;
  return {
    async beginAgent(executionId) {
      const startedAt = new Date().toISOString();
      const status = { phase: ExecutionPhase.EXECUTION_IN_PROGRESS, startedAt };
      await clients.agentExecutions.updateStatus({ executionId, status });
      log.info({ executionId }, 'agent begun');
      return { timeLimitSeconds: deps.timeLimitSeconds };
    },

    async converse(executionId) {
      const { run } = await clients.snapshots.get({ executionId });
      if (run.case !== 'agent') throw new TaskFailure('InvalidTask', 'the execution is not an agent’s');
      // The AI SDK and the MCP client come with the first agent: a runner of workflows alone never needs them.
      const { runAgent } = await import('./agent-run.js');
      await withSecrets(clients, executionId, (secrets) => runAgent(deps, executionId, run.value, secrets));
    },

    async destroyContext(executionId) {
      await clients.vault.destroy({ executionId });
      log.info({ executionId }, 'context destroyed');
    },

    async finishAgent({ executionId, outcome }) {
      await ifStillThere(async () => {
        await clients.agentExecutions.updateStatus({ executionId, status: finishedStatus(outcome) });
      });
      log.info({ executionId, ...endOf(outcome) }, 'agent ended');
    },
  };
}

function finishedStatus(outcome: Outcome) {
  const completedAt = new Date().toISOString();
  switch (outcome.phase) {
    case 'completed':
      return { phase: ExecutionPhase.EXECUTION_COMPLETED, completedAt };
    case 'failed':
      return {
        phase: ExecutionPhase.EXECUTION_FAILED,
        completedAt,
        error: `${outcome.error.type}: ${outcome.error.message}`,
      };
    case 'cancelled':
      return { phase: ExecutionPhase.EXECUTION_CANCELLED, completedAt, error: 'cancelled' };
  }
}
