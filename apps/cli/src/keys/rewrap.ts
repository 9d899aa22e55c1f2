import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@stigmer/domain';
import type { KeyRingStatus } from '@stigmer/proto/agentic/key/v1/io';
import type { Context } from '../context';
import { Exit, ExitCode } from '../exit-codes';
import { note } from '../output/print';
import { Progress } from './progress';
import { type Keys, PATIENT, type RingFlags, withKeys } from './rings';
import { printStatus } from './status';

export interface RewrapFlags extends RingFlags {
  readonly wait: boolean;
}

const POLL_MS = 500;
/** So long a server may be away before watching is given up; the work goes on when it is back. */
const PATIENCE_MS = 60_000;

/** Starts a re-wrap, or finds one that runs, and shows its progress until it is finished. */
export async function rewrapKeys(context: Context, flags: RewrapFlags): Promise<void> {
  const status = await withKeys(context, flags, async (keys) => {
    const started = await keys.rewrap({}, PATIENT);
    return flags.wait ? watch(context, keys, started) : started;
  });
  await printStatus(context, status);
  if (status.rewrap?.running === true && context.format === 'table') {
    note(context, 'it goes on in the background: `stigmer keys status` shows how far it is');
  }
  if ((status.rewrap?.failed ?? 0n) > 0n) throw new Exit(ExitCode.failed);
}

async function watch(context: Context, keys: Keys, started: KeyRingStatus): Promise<KeyRingStatus> {
  const progress = new Progress(context);
  const interrupted = new AbortController();
  const stop = () => {
    interrupted.abort();
  };
  context.io.signals.on('SIGINT', stop);
  try {
    let status = started;
    while (status.rewrap?.running === true) {
      progress.show(status.rewrap.done, status.rewrap.total);
      await sleep(POLL_MS, undefined, { signal: interrupted.signal });
      status = await patiently(() => keys.status({}, { signal: interrupted.signal }), interrupted.signal);
    }
    if (status.rewrap !== undefined) progress.show(status.rewrap.done, status.rewrap.total);
    return status;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    progress.remark('the re-wrap goes on without us: `stigmer keys status` shows how far it is');
    throw new Exit(ExitCode.interrupted);
  } finally {
    context.io.signals.off('SIGINT', stop);
    progress.end();
  }
}

async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const away = error instanceof DomainError && error.kind === 'unavailable';
      if (!away || signal.aborted || Date.now() > deadline) throw error;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
