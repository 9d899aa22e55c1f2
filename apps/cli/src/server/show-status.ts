import type { Context } from '../context';
import { Exit, ExitCode } from '../exit-codes';
import { print } from '../output/print';
import { table } from '../output/table';
import { currentStatus } from './current-status';
import { layoutOf } from './layout';
import type { PartStatus } from './part';
import { isWhole, type ServerStatus } from './status';

/** Says what runs. The exit code says it as well: 0 when all parts do, 1 when not all do, 6 when nothing runs. */
export async function showStatus(context: Context): Promise<void> {
  const status = await currentStatus(layoutOf(context.home));
  if (status === undefined) {
    await print(
      context,
      { running: false, home: context.home },
      () => `The server is not running (${context.home}).`,
    );
    throw new Exit(ExitCode.unavailable);
  }
  await print(context, status, () => summary(status));
  if (!isWhole(status)) throw new Exit(ExitCode.failed);
}

function summary(status: ServerStatus): string {
  return [
    `Running since ${status.startedAt} (pid ${status.pid}), data in ${status.home}.`,
    `Temporal's web UI: ${status.temporalUi}`,
    '',
    table(['PART', 'STATE', 'PID', 'RESTARTS', 'ADDRESS', 'PROBLEM'], status.parts.map(row)),
  ].join('\n');
}

function row({ name, state, pid, restarts, address, problem }: PartStatus): readonly string[] {
  // A problem may end with lines of a log; the first says what it is.
  return [name, state, String(pid ?? '-'), String(restarts), address, problem?.split('\n')[0] ?? ''];
}
