import { join, resolve } from 'node:path';

/** Where everything of one local installation lies. */
export interface Layout {
  readonly home: string;
  /** The root key: without it the data is unreadable. */
  readonly encryptionKey: string;
  /** Keys that were added later, of environments and of contexts. As needed as the root key. */
  readonly environmentKeys: string;
  readonly contextKeys: string;
  /** What the owner's CLI shows to the gateway. */
  readonly token: string;
  readonly data: string;
  readonly logs: string;
  /** Made at a start and removed at the stop: the socket, the state, the keys of this one run. */
  readonly run: string;
  readonly socket: string;
  readonly state: string;
  /** The homes of MCP servers, which keep their package caches there. */
  readonly agentHomes: string;
  /** Compiled code of the services, which makes the next start faster. */
  readonly codeCache: string;
}

/** In: the home as a person gave it, which may be relative; the parts run in a folder of their own. */
export function layoutOf(given: string): Layout {
  const home = resolve(given);
  const run = join(home, 'run');
  return {
    home,
    encryptionKey: join(home, 'encryption.key'),
    environmentKeys: join(home, 'keys'),
    contextKeys: join(home, 'context-keys'),
    token: join(home, 'token'),
    data: join(home, 'data'),
    logs: join(home, 'logs'),
    run,
    socket: join(run, 'server.sock'),
    state: join(run, 'server.json'),
    agentHomes: join(home, 'homes'),
    codeCache: join(home, 'cache'),
  };
}

export function logFileOf(layout: Layout, part: string): string {
  return join(layout.logs, `${part}.log`);
}
