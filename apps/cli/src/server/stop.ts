import type { Context } from '../context';
import { note, print } from '../output/print';
import { ask } from './control';
import { currentStatus } from './current-status';
import { layoutOf } from './layout';
import type { StopEvent } from './messages';

/** Each part has ten seconds to end by itself before it is killed; this is for a supervisor that hangs. */
const LONGEST_STOP_MS = 90_000;

/** Stops the server; when this returns, none of its processes is left. */
export async function stop(context: Context): Promise<void> {
  const layout = layoutOf(context.home);
  const status = await currentStatus(layout);
  if (status === undefined) {
    await print(context, { stopped: false }, () => 'The server is not running.');
    return;
  }
  const hanging = setTimeout(() => {
    note(context, 'It does not end by itself; killing it.');
    // The parts end with it. The id is right: its owner has just answered.
    process.kill(status.pid, 'SIGKILL');
  }, LONGEST_STOP_MS);
  try {
    // The answers end when the supervisor's process does.
    for await (const answer of ask(layout.socket, 'stop'))
      note(context, `  ${(answer as StopEvent).part} stopped`);
  } finally {
    clearTimeout(hanging);
  }
  await print(context, { stopped: true }, () => 'Stopped. The data is kept.');
}
