import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from '@stigmer/proto';
import { addStandardServices, drain, type Logger, type RunningService } from '@stigmer/service/plain';
import { Admission } from './admission';
import { type GatewayConfig, hostOf } from './config';
import { type Backend, passThrough, Proxy } from './proxy';
import { type Route, routes } from './routes';

const MESSAGE_LIMITS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
};

/** The gateway, listening. */
export interface RunningGateway extends RunningService {
  /** Where it listens, with the ports it was given. */
  readonly addresses: readonly string[];
}

/** Starts the one public port: every public service of the contract, forwarded to its owner. */
export async function startGateway(config: GatewayConfig, log: Logger): Promise<RunningGateway> {
  const server = new Server({
    ...MESSAGE_LIMITS,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });
  const draining = new AbortController();
  const proxy = new Proxy(
    new Admission(config.STIGMER_IDENTITY_KEY, config.STIGMER_LOCAL_TOKEN),
    draining.signal,
    log,
  );
  const owners = routes(config);
  const backends = owners.map((route) => serveRoute(server, route, proxy));
  const health = addStandardServices(
    server,
    owners.flatMap(({ services }) => services),
  );
  const addresses = await listen(server, config.STIGMER_LISTEN, log).catch((error: unknown) => {
    // Half a gateway, on one of its addresses, is none.
    server.forceShutdown();
    throw error;
  });
  log.info({ listen: addresses }, 'gateway is listening');
  return {
    addresses,
    async close() {
      health.setStatus('', 'NOT_SERVING');
      draining.abort();
      await drain(server, promisify(server.tryShutdown.bind(server)));
      for (const { client } of backends) client.close();
      log.info('gateway has stopped');
    },
  };
}

/** Connects lazily, so that the gateway and its backends start in any order. */
function serveRoute(server: Server, { owner, address, services }: Route, proxy: Proxy): Backend {
  const client = new Client(address, credentials.createInsecure(), {
    ...MESSAGE_LIMITS,
    // A backend that restarts is found again within a second, not within grpc-js's two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
  });
  const backend = { owner, client };
  for (const { methods } of services) {
    server.addService(
      Object.fromEntries(methods.map((rpc) => [rpc.name, passThrough(rpc)])),
      Object.fromEntries(methods.map((rpc) => [rpc.name, proxy.handler(rpc, backend)])),
    );
  }
  return backend;
}

async function listen(server: Server, addresses: readonly string[], log: Logger): Promise<readonly string[]> {
  const bound: string[] = [];
  for (const address of addresses.filter((wanted) => isPresent(wanted, log))) {
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, given) => {
        if (error === null) resolve(given);
        else reject(new Error(`cannot listen on ${address}; is another gateway running?`, { cause: error }));
      });
    });
    bound.push(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
  }
  if (bound.length === 0) throw new Error(`this machine has none of the addresses ${addresses.join(', ')}`);
  return bound;
}

/** A machine without IPv6 has no ::1; that is no reason not to serve 127.0.0.1. */
function isPresent(address: string, log: Logger): boolean {
  const host = hostOf(address);
  if (host !== '::1') return true;
  const present = Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === host),
  );
  if (!present) log.warn({ address }, 'this machine has no IPv6 loopback address; not listening there');
  return present;
}
