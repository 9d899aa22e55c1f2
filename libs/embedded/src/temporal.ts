import { join } from 'node:path';
import { temporalProgram } from './binaries';
import { startServer, type EmbeddedServer, type ServerOptions } from './embedded-server';
import { freePort, requireFreePort } from './port';
import { probeGrpc } from './probe';

/** `DescribeNamespaceRequest { namespace: "default" }`: answered only when workflows can be started. */
const DESCRIBE_NAMESPACE = '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace';
const DEFAULT_NAMESPACE = Buffer.from('\x0a\x07default', 'latin1');

/** Left at 20 polls a second, each workflow task waits up to 100 ms for the next one. */
const POLL_RATES = ['transferProcessor', 'timerProcessor', 'visibilityProcessor'].flatMap((processor) => [
  '--dynamic-config-value',
  `history.${processor}MaxPollRPS=2000`,
]);

export interface TemporalOptions extends ServerOptions {
  /** The web UI's; default: a free one. */
  readonly uiPort?: number;
  /** No web UI. */
  readonly headless?: boolean;
}

/** Starts Temporal's development server with the namespace `default`; with `dataDir`, histories survive a restart. */
export async function startTemporal(
  options: TemporalOptions = {},
): Promise<EmbeddedServer & { readonly address: string; readonly uiUrl?: string }> {
  const uiPort = options.headless === true ? undefined : await chooseUiPort(options.uiPort);
  const { server, port } = await startServer(
    {
      name: 'Temporal',
      program: temporalProgram,
      args: (chosen, folder) => [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(chosen), '--log-level', 'error'],
        ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
        ...(options.dataDir === undefined ? [] : persistent(folder)),
        ...POLL_RATES,
      ],
      probe: async (chosen) => {
        await probeGrpc(chosen, DESCRIBE_NAMESPACE, DEFAULT_NAMESPACE);
      },
    },
    options,
  );
  const address = `127.0.0.1:${port}`;
  return uiPort === undefined
    ? { ...server, address }
    : { ...server, address, uiUrl: `http://127.0.0.1:${uiPort}` };
}

/** Write-ahead logging and one sync per checkpoint: four times as fast, and a killed process loses nothing. */
function persistent(folder: string): readonly string[] {
  return [
    ...['--db-filename', join(folder, 'temporal.db')],
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
  ];
}

async function chooseUiPort(wanted: number | undefined): Promise<number> {
  if (wanted === undefined || wanted === 0) return freePort();
  await requireFreePort(wanted, "Temporal's web UI");
  return wanted;
}
