import 'reflect-metadata';
import { promisify } from 'node:util';
import type { DescService } from '@bufbuild/protobuf';
import type { DynamicModule, INestApplicationContext, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Admission } from './admission';
import { ConfigError, type ServiceConfig } from './config';
import { controllersOf } from './grpc-controller';
import { type CallPath, createServer, listen, serveController } from './grpc-server';
import type { ServiceName } from './identity';
import type { Logger } from './logger';
import { addStandardServices, drain } from './standard-services';

/** A service: its name, the rpc services it serves, and the Nest module that implements them. */
export interface ServiceOptions {
  readonly name: ServiceName;
  readonly services: readonly DescService[];
  readonly config: ServiceConfig;
  readonly module: Type | DynamicModule;
  readonly log: Logger;
}

/** A service that listens. */
export interface RunningService {
  /** Stops taking calls, ends the streams, lets running calls finish, at most for the drain time. */
  close(): Promise<void>;
}

/**
 * Starts a service. Nest puts its parts together and ends them; the calls do not pass through it, but straight from
 * grpc-js to the controllers (docs/decisions/0007). Transport, health, reflection, identity, validation and errors are
 * the same for all.
 */
export async function start(options: ServiceOptions): Promise<RunningService> {
  const { name, config, module, log } = options;
  const { STIGMER_IDENTITY_KEY: identity } = config;
  if (identity.name !== name)
    throw new ConfigError(`STIGMER_IDENTITY_KEY is the key of ${identity.name}, not of ${name}`);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options are a class by name only
  const app = await NestFactory.createApplicationContext(module, {
    logger: nestLogger(log),
    abortOnError: false,
  });
  try {
    return await startServing(app, options);
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function startServing(
  app: INestApplicationContext,
  { name, services, config, log }: ServiceOptions,
): Promise<RunningService> {
  const { STIGMER_LISTEN: address, STIGMER_TRUSTED_IDENTITIES: trusted } = config;
  const draining = new AbortController();
  const admission = new Admission({ self: name, trusted, draining: draining.signal, log });
  const server = createServer();
  serveAll(app, services, (service, controller) => {
    serveController(server, service, controller, { admission, log } satisfies CallPath);
  });
  const health = addStandardServices(server, services);
  await listen(server, address);
  log.info({ listen: address }, `${name} is listening`);
  return {
    async close() {
      health.setStatus('', 'NOT_SERVING');
      draining.abort();
      await drain(server, promisify(server.tryShutdown.bind(server)));
      await app.close();
      log.info(`${name} has stopped`);
    },
  };
}

/** What is in the contract and has no controller is shown by reflection, and gRPC answers UNIMPLEMENTED to it. */
function serveAll(
  app: INestApplicationContext,
  services: readonly DescService[],
  serveOne: (service: DescService, controller: object) => void,
): void {
  const controllers = controllersOf(app);
  for (const service of services) {
    const controller = controllers.get(service.typeName);
    if (controller !== undefined) serveOne(service, controller);
  }
}

/** Nest's own lines: its start-up chatter is dropped, what it warns of goes to the log. */
function nestLogger(log: Logger): LoggerService {
  return {
    log: () => undefined,
    warn: (message: unknown) => {
      log.warn({ nest: message }, 'Nest warns');
    },
    error: (message: unknown) => {
      log.error({ nest: message }, 'Nest failed');
    },
  };
}
