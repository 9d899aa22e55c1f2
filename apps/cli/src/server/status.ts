import type { BackingAddresses } from './backing-servers';
import type { PartStatus } from './part';

/** A running server as `server status` tells it. It holds no secret: it is also written to run/server.json. */
export interface ServerStatus extends BackingAddresses {
  readonly running: true;
  /** The supervisor, which owns all other processes. */
  readonly pid: number;
  readonly startedAt: string;
  readonly home: string;
  readonly gateway: string;
  readonly parts: readonly PartStatus[];
}

/** Whether each part does its work at this moment. */
export function isWhole(status: ServerStatus): boolean {
  return status.parts.every(({ state }) => state === 'up');
}
