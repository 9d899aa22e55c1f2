import type { Stigmer } from '@stigmer/sdk';
import type { Context } from '../context';
import { Exit, ExitCode } from '../exit-codes';
import { note, print, warn } from '../output/print';
import { printable } from '../io';
import { resourceJson } from '../resources/json';
import { followRun } from './follow';
import { onInterrupt } from './interrupt';
import { isTerminal, phaseName } from './phase';
import type { Execution, RunKind } from './run-kind';
import { startRun } from './start';

/** Starts a run and, unless told otherwise, stays with it to its end; the exit code is the run's. */
export async function executeRun<E extends Execution>(
  context: Context,
  server: Stigmer,
  kind: RunKind<E>,
  execution: E,
  wait: boolean,
): Promise<void> {
  const id = execution.metadata?.id ?? '';
  const watch = new AbortController();
  let started: Promise<E> | undefined;
  const interrupts = onInterrupt(context.io.signals, () => {
    note(context, `cancelling ${id}; Ctrl-C again leaves it running`);
    void cancelWhenStarted(context, server, kind, id, started);
  });
  try {
    started = startRun(server, kind, execution);
    const created = await Promise.race([started, interrupts.left]);
    for (const { message } of created.status?.warnings ?? []) warn(context, printable(message));
    if (!wait) {
      await print(context, resourceJson(created), () => id);
      return;
    }
    note(context, `run ${id}`);
    const ended = await Promise.race([
      followRun(server, kind, id, watch.signal, reporter(context, kind)),
      interrupts.left,
    ]);
    await reportEnd(context, kind, ended);
  } finally {
    interrupts.stop();
    watch.abort();
  }
}

/** A run that is still being created is cancelled as soon as it exists: the id is known before the run is. */
async function cancelWhenStarted<E extends Execution>(
  context: Context,
  server: Stigmer,
  kind: RunKind<E>,
  id: string,
  started: Promise<E> | undefined,
): Promise<void> {
  try {
    await started;
  } catch {
    return; // There is no run, and whoever started it says why.
  }
  try {
    await kind.cancel(server, id);
  } catch (error) {
    warn(
      context,
      `${id} could not be cancelled: ${error instanceof Error ? error.message : 'unknown error'}`,
    );
  }
}

/** Writes what changed from one state to the next, once; the end is for {@link reportEnd} to tell. */
function reporter<E extends Execution>(context: Context, kind: RunKind<E>): (execution: E) => void {
  let before: E | undefined;
  return (execution) => {
    const phase = execution.status?.phase ?? 0;
    if (phase !== before?.status?.phase && !isTerminal(phase)) note(context, phaseName(phase));
    for (const line of kind.progress(before, execution)) note(context, `  ${printable(line)}`);
    before = execution;
  };
}

async function reportEnd<E extends Execution>(
  context: Context,
  kind: RunKind<E>,
  execution: E,
): Promise<void> {
  const { phase = 0, error = '' } = execution.status ?? {};
  const name = phaseName(phase);
  note(context, printable(error === '' ? name : `${name}: ${error}`));
  await print(context, resourceJson(execution), () => printable(kind.result(execution)));
  if (name !== 'completed') throw new Exit(name === 'failed' ? ExitCode.runFailed : ExitCode.runCancelled);
}
