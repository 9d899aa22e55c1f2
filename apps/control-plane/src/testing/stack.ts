import type { DescService } from '@bufbuild/protobuf';
import { freePort, startMongo, startRedis, startTemporal } from '@stigmer/embedded';
import type { GrpcClient } from '@stigmer/proto';
import { createLogger, type RunningService, serviceClient, type ServiceName, start } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { AppModule } from '../app.module';
import type { ControlPlaneConfig } from '../config';
import type { Limits } from '../limits';
import { SERVICES } from '../services';
import { startFarSides } from './far-sides';
import { wireTo } from './tcp-cut';

/** Everything the control-plane needs, real, with the services it calls played by the test. */
export type Backing = Awaited<ReturnType<typeof startBacking>>;

/** The time a test has for what it waits for: what takes half a minute in earnest takes half a second here. */
export const FAST: Partial<Limits> = {
  sweepIntervalMs: 300,
  rereadMs: 500,
  // No start and no call is given up because the machine is busy: a test that wants a grace to be over says so.
  startGraceMs: 600_000,
  callMs: 10_000,
};

/** For what has to find out that Temporal does not answer: that takes one such deadline. */
export const IMPATIENT: Partial<Limits> = { ...FAST, callMs: 1_500 };

export async function startBacking() {
  const keys = testIdentities();
  const [mongo, redis, temporal, far] = await Promise.all([
    startMongo(),
    startRedis(),
    startTemporal({ headless: true }),
    startFarSides(keys),
  ]);
  const wires = { temporal: await wireTo(temporal.address), redis: await wireTo(new URL(redis.url).host) };
  return {
    keys,
    far,
    wires,
    mongoUrl: mongo.url,
    temporalAddress: temporal.address,
    stop: async () => {
      wires.temporal.close();
      wires.redis.close();
      await far.close();
      await Promise.all([mongo.stop(), redis.stop(), temporal.stop()]);
    },
  };
}

/** A running replica of the control-plane. */
export interface Replica {
  readonly running: RunningService;
  /** A client that calls it as one of the services. */
  client<S extends DescService>(service: S, as: ServiceName): GrpcClient<S>;
  /** Everything it has logged. */
  log(): string;
  close(): Promise<void>;
}

export async function startReplica(
  { keys, far, wires, mongoUrl }: Backing,
  limits: Partial<Limits> = FAST,
  changes: Partial<ControlPlaneConfig> = {},
): Promise<Replica> {
  const address = `127.0.0.1:${await freePort()}`;
  const config: ControlPlaneConfig = {
    STIGMER_LISTEN: address,
    STIGMER_IDENTITY_KEY: keys.identity('control-plane'),
    STIGMER_TRUSTED_IDENTITIES: keys.trusted,
    STIGMER_LOG_LEVEL: 'debug',
    STIGMER_MONGODB_URL: mongoUrl,
    STIGMER_REDIS_URL: `redis://${wires.redis.address}`,
    STIGMER_TEMPORAL_ADDRESS: wires.temporal.address,
    STIGMER_TEMPORAL_NAMESPACE: 'default',
    STIGMER_ENVIRONMENT_SERVICE: far.environments,
    STIGMER_CONTEXT_SERVICE: far.contexts,
    STIGMER_RESOLVER_SERVICE: far.resolver,
    STIGMER_CONTEXT_MAX_LIFETIME: 7 * 24 * 3_600_000,
    STIGMER_SWEEP_INTERVAL: 30_000,
    STIGMER_START_GRACE: 30_000,
    ...changes,
  };
  const lines: string[] = [];
  const log = createLogger('control-plane', 'debug', { write: (line: string) => void lines.push(line) });
  const module = await AppModule.create(config, log, limits);
  const running = await start({ name: 'control-plane', services: SERVICES, config, module, log });
  const clients: { close(): void }[] = [];
  return {
    running,
    client(service, as) {
      const client = serviceClient(service, {
        address,
        audience: 'control-plane',
        identity: keys.identity(as),
      });
      clients.push(client);
      return client;
    },
    log: () => lines.join(''),
    close: async () => {
      for (const client of clients) client.close();
      await running.close();
    },
  };
}

/** Waits until something is so; fails with what it last was. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  isSo: (value: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (isSo(value)) return value;
    if (Date.now() > until) throw new Error(`not so within ${withinMs} ms; it is ${String(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
