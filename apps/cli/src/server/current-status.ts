import { ask } from './control';
import type { Layout } from './layout';
import type { ServerStatus } from './status';

/** The status of the server of this home; `undefined` where none runs. */
export async function currentStatus(layout: Layout): Promise<ServerStatus | undefined> {
  for await (const answer of ask(layout.socket, 'status')) {
    const status = answer as ServerStatus | { readonly running: false };
    return status.running ? status : undefined;
  }
  return undefined;
}
