import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from './binaries';
import { serverEnvironment } from './config';
import { freePort, requireFreePort } from './port';
import { startProcess, type SupervisedProcess } from './supervised-process';

const START_TIMEOUT_MS = 90_000;
const PORT_ATTEMPTS = 3;

/** Common to all three servers. */
export interface ServerOptions {
  /** Where the data stays after a stop; without one, a temporary folder that is removed at the stop. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Appended to; default: `server.log` in the data folder. */
  readonly logFile?: string;
}

/** A server that this process started and that ends with it. */
export type EmbeddedServer = SupervisedProcess;

/** How one kind of server is started. */
export interface ServerKind {
  readonly name: string;
  readonly program: () => Program;
  readonly args: (port: number, folder: string) => readonly string[] | Promise<readonly string[]>;
  readonly probe: (port: number) => Promise<void>;
}

/** Starts a server of this kind. A port that we chose may be taken by another before it is bound: then another try. */
export async function startServer(
  kind: ServerKind,
  options: ServerOptions,
): Promise<{ readonly server: EmbeddedServer; readonly port: number }> {
  if (options.port !== undefined && options.port !== 0) {
    await requireFreePort(options.port, kind.name);
    return attempt(kind, options, options.port);
  }
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt(kind, options, await freePort());
    } catch (error) {
      if (attempts === PORT_ATTEMPTS || !/address.*in use/i.test(String(error))) throw error;
    }
  }
}

async function attempt(
  kind: ServerKind,
  options: ServerOptions,
  port: number,
): Promise<{ readonly server: EmbeddedServer; readonly port: number }> {
  const program = kind.program();
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'stigmer-')));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const server = await startProcess({
    name: kind.name,
    program,
    args: await kind.args(port, folder),
    folder,
    environment: serverEnvironment(folder),
    temporary: options.dataDir === undefined,
    logFile: options.logFile ?? join(folder, 'server.log'),
    timeoutMs: START_TIMEOUT_MS,
    probe: () => kind.probe(port),
  });
  return { server, port };
}
