import { promisify } from 'node:util';
import type { DescService } from '@bufbuild/protobuf';
import { Admission } from './admission';
import { ConfigError, type ServiceConfig } from './config';
import { type CallPath, createServer, listen, serveController } from './grpc-server';
import type { ServiceName } from './identity';
import type { Logger } from './logger';
import { addStandardServices, drain } from './standard-services';

/** What a server needs, however its controllers were put together. */
export interface ServerOptions {
  readonly name: ServiceName;
  readonly services: readonly DescService[];
  /** By the full name of the service each serves. */
  readonly controllers: ReadonlyMap<string, object>;
  readonly config: ServiceConfig;
  readonly log: Logger;
  /** Called at the end, when no call is left. */
  readonly close?: () => Promise<void>;
}

/** A service that listens. */
export interface RunningService {
  /** Stops taking calls, ends the streams, lets running calls finish, at most for the drain time. */
  close(): Promise<void>;
}

/** Serves controllers. Transport, health, reflection, identity, validation and errors are the same for all services. */
export async function startServer(options: ServerOptions): Promise<RunningService> {
  const { name, services, controllers, config, log } = options;
  assertOwnIdentity(name, config);
  const draining = new AbortController();
  const { STIGMER_LISTEN: address, STIGMER_TRUSTED_IDENTITIES: trusted } = config;
  const admission = new Admission({ self: name, trusted, draining: draining.signal, log });
  const server = createServer();
  for (const service of services) {
    const controller = controllers.get(service.typeName);
    // What is in the contract and has no controller is shown by reflection, and gRPC answers UNIMPLEMENTED to it.
    if (controller !== undefined)
      serveController(server, service, controller, { admission, log } satisfies CallPath);
  }
  const health = addStandardServices(server, services);
  await listen(server, address);
  log.info({ listen: address }, `${name} is listening`);
  return {
    async close() {
      health.setStatus('', 'NOT_SERVING');
      draining.abort();
      await drain(server, promisify(server.tryShutdown.bind(server)));
      await options.close?.();
      log.info(`${name} has stopped`);
    },
  };
}

/** A process with another one's key would be believed to be that one. */
export function assertOwnIdentity(
  name: ServiceName,
  { STIGMER_IDENTITY_KEY: identity }: ServiceConfig,
): void {
  if (identity.name !== name)
    throw new ConfigError(`STIGMER_IDENTITY_KEY is the key of ${identity.name}, not of ${name}`);
}
