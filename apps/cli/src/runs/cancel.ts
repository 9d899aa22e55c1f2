import type { Stigmer } from '@stigmer/sdk';
import { withServer } from '../client';
import type { Context } from '../context';
import { print } from '../output/print';
import { resourceJson } from '../resources/json';
import { requireOrganization } from '../resources/organization';
import { UsageError } from '../usage-error';
import { agentRuns } from './agent-runs';
import { isTerminal, phaseName } from './phase';
import type { Execution, RunKind } from './run-kind';
import { workflowRuns } from './workflow-runs';

/** Cancels a run of this organization by its id, whose prefix says which kind of run it is. */
export async function cancelRun(context: Context, id: string, prefixes: readonly string[]): Promise<void> {
  const prefix = prefixes.find((candidate) => id.startsWith(`${candidate}-`));
  if (prefix === undefined) {
    throw new UsageError(
      `this is no id of a run: it has to begin with ${prefixes.map((known) => `${known}-`).join(' or ')}`,
    );
  }
  const execution = await withServer<Execution>(context, (server) =>
    prefix === agentRuns.idPrefix ? cancelOwn(server, agentRuns, id) : cancelOwn(server, workflowRuns, id),
  );
  const phase = execution.status?.phase ?? 0;
  await print(context, resourceJson(execution), () =>
    isTerminal(phase) ? `${id} ${phaseName(phase)}` : `${id} is being cancelled`,
  );
}

/** A cancel names the run alone; whose it is has to be asked first. */
async function cancelOwn<E extends Execution>(server: Stigmer, kind: RunKind<E>, id: string): Promise<E> {
  requireOrganization(kind.name, server.org, id, await kind.get(server, id));
  return kind.cancel(server, id);
}
