import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '@stigmer/domain';
import type { Stigmer } from '@stigmer/sdk';
import { isTerminal } from './phase';
import type { Execution, RunKind } from './run-kind';
import { isUncertain } from './start';

const RECONNECT_MS = 500;
/** So long a server may be away before watching it is given up; the run goes on without us. */
const PATIENCE_MS = 60_000;

/** Watches a run to its end, across lost connections: every subscription begins with the state as it is now. */
export async function followRun<E extends Execution>(
  server: Stigmer,
  kind: RunKind<E>,
  id: string,
  signal: AbortSignal,
  onChange: (execution: E) => void,
): Promise<E> {
  let heard = Date.now();
  for (;;) {
    try {
      for await (const execution of kind.subscribe(server, id, signal)) {
        heard = Date.now();
        onChange(execution);
        if (isTerminal(execution.status?.phase ?? 0)) return execution;
      }
    } catch (error) {
      if (signal.aborted || !isUncertain(error)) throw error;
    }
    if (Date.now() - heard > PATIENCE_MS)
      throw unavailable(`nothing was heard of ${id} for a minute; it may go on without us`);
    await sleep(RECONNECT_MS, undefined, { signal });
  }
}
