import { withServer } from '../client';
import type { Context } from '../context';
import { print } from '../output/print';
import { resourceJson } from '../resources/json';
import { UsageError } from '../usage-error';
import { agentRuns } from './agent-runs';
import { isTerminal, phaseName } from './phase';
import type { Execution } from './run-kind';
import { workflowRuns } from './workflow-runs';

/** Cancels a run by its id, whose prefix says which kind of run it is. */
export async function cancelRun(context: Context, id: string, prefixes: readonly string[]): Promise<void> {
  const prefix = prefixes.find((candidate) => id.startsWith(`${candidate}-`));
  if (prefix === undefined) {
    throw new UsageError(
      `this is no id of a run: it has to begin with ${prefixes.map((known) => `${known}-`).join(' or ')}`,
    );
  }
  const execution = await withServer<Execution>(context, (server) =>
    prefix === agentRuns.idPrefix ? agentRuns.cancel(server, id) : workflowRuns.cancel(server, id),
  );
  const phase = execution.status?.phase ?? 0;
  await print(context, resourceJson(execution), () =>
    isTerminal(phase) ? `${id} ${phaseName(phase)}` : `${id} is being cancelled`,
  );
}
