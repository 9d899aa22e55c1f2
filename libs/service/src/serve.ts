import 'reflect-metadata';
import type { DescService } from '@bufbuild/protobuf';
import type { Server } from '@grpc/grpc-js';
import type { DynamicModule, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type GrpcOptions, Transport } from '@nestjs/microservices';
import { MAX_MESSAGE_BYTES, packageDefinition } from '@stigmer/proto';
import type { HealthImplementation } from 'grpc-health-check';
import { IdentityGuard } from './auth.guard';
import { ConfigError, type ServiceConfig } from './config';
import { ErrorFilter } from './error.filter';
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

/** Starts a service: transport, health, reflection, identity, validation and errors are the same for all. */
export async function start({
  name,
  services,
  config,
  module,
  log,
}: ServiceOptions): Promise<RunningService> {
  const {
    STIGMER_IDENTITY_KEY: identity,
    STIGMER_LISTEN: listen,
    STIGMER_TRUSTED_IDENTITIES: trusted,
  } = config;
  if (identity.name !== name)
    throw new ConfigError(`STIGMER_IDENTITY_KEY is the key of ${identity.name}, not of ${name}`);
  const server = Promise.withResolvers<{ readonly grpc: Server; readonly health: HealthImplementation }>();
  const draining = new AbortController();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options are a class by name only
  const app = await NestFactory.createMicroservice<GrpcOptions>(module, {
    ...transport(listen, services, (grpc) => {
      server.resolve({ grpc, health: addStandardServices(grpc, services) });
    }),
    logger: nestLogger(log),
    abortOnError: false,
  });
  app.useGlobalGuards(new IdentityGuard({ self: name, trusted, draining: draining.signal, log }));
  app.useGlobalFilters(new ErrorFilter(log));
  await app.listen();
  const { grpc, health } = await server.promise;
  log.info({ listen }, `${name} is listening`);
  return {
    async close() {
      health.setStatus('', 'NOT_SERVING');
      draining.abort();
      await drain(grpc, () => app.close());
      log.info(`${name} has stopped`);
    },
  };
}

/** Nest's gRPC transport over our descriptors; `onServer` gets the gRPC server before it takes calls. */
function transport(
  listen: string,
  services: readonly DescService[],
  onServer: (server: Server) => void,
): GrpcOptions {
  return {
    transport: Transport.GRPC,
    options: {
      url: listen,
      package: [...new Set(services.map(({ file }) => file.proto.package))],
      packageDefinition: packageDefinition(...services),
      maxReceiveMessageLength: MAX_MESSAGE_BYTES,
      maxSendMessageLength: MAX_MESSAGE_BYTES,
      keepalive: { keepaliveTimeMs: 60_000, keepaliveTimeoutMs: 20_000 },
      gracefulShutdown: true,
      onLoadPackageDefinition: (_definition: object, server: Server) => {
        onServer(server);
      },
    },
  };
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
