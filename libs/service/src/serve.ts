import 'reflect-metadata';
import type { DescService } from '@bufbuild/protobuf';
import { type Server as GrpcServer } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { DynamicModule, INestMicroservice, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type GrpcOptions, Transport } from '@nestjs/microservices';
import { MAX_MESSAGE_BYTES, type PackageDefinition, packageDefinition } from '@stigmer/proto';
import { HealthImplementation } from 'grpc-health-check';
import type { z } from 'zod';
import { IdentityGuard } from './auth.guard';
import { ConfigError, type ConfigSchema, readConfig, type ServiceConfig } from './config';
import { ErrorFilter } from './error.filter';
import type { ServiceName } from './identity';
import { createLogger, type Logger } from './logger';

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

const DRAIN_MS = 10_000;

/** Starts a service: transport, health, reflection, identity, validation and errors are the same for all. */
export async function start({
  name,
  services,
  config,
  module,
  log,
}: ServiceOptions): Promise<RunningService> {
  if (config.STIGMER_IDENTITY_KEY.name !== name) {
    throw new ConfigError(
      `STIGMER_IDENTITY_KEY is the key of ${config.STIGMER_IDENTITY_KEY.name}, not of ${name}`,
    );
  }
  const definition = packageDefinition(...services);
  const health = new HealthImplementation(
    Object.fromEntries(
      ['', ...services.map(({ typeName }) => typeName)].map((key) => [key, 'SERVING' as const]),
    ),
  );
  const draining = new AbortController();
  let server: GrpcServer | undefined;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options are a class by name only
  const app = await NestFactory.createMicroservice<GrpcOptions>(module, {
    logger: nestLogger(log),
    abortOnError: false,
    transport: Transport.GRPC,
    options: {
      url: config.STIGMER_LISTEN,
      package: [...new Set(services.map(({ file }) => file.proto.package))],
      packageDefinition: definition,
      maxReceiveMessageLength: MAX_MESSAGE_BYTES,
      maxSendMessageLength: MAX_MESSAGE_BYTES,
      keepalive: { keepaliveTimeMs: 60_000, keepaliveTimeoutMs: 20_000 },
      gracefulShutdown: true,
      onLoadPackageDefinition: (_definition: object, grpcServer: GrpcServer) => {
        server = grpcServer;
        // Straight on the server, beside Nest: no guard stands before them, so a probe needs no identity.
        health.addToServer(grpcServer);
        reflection(definition, services).addToServer(grpcServer);
      },
    },
  });
  app.useGlobalGuards(
    new IdentityGuard({
      self: name,
      trusted: config.STIGMER_TRUSTED_IDENTITIES,
      draining: draining.signal,
      log,
    }),
  );
  app.useGlobalFilters(new ErrorFilter(log));
  await app.listen();
  log.info({ listen: config.STIGMER_LISTEN }, `${name} is listening`);
  return {
    async close() {
      health.setStatus('', 'NOT_SERVING');
      draining.abort();
      await closeWithin(app, server, DRAIN_MS);
      log.info(`${name} has stopped`);
    },
  };
}

/** A service as its `main.ts` describes it. */
export interface ServiceMain<S extends ConfigSchema> {
  readonly name: ServiceName;
  readonly services: readonly DescService[];
  readonly schema: S;
  readonly module: (config: z.infer<S>, log: Logger) => Type | DynamicModule | Promise<DynamicModule>;
}

/** Runs a service as a process: configuration, start, and a graceful end on SIGTERM or SIGINT. */
export async function serve<S extends ConfigSchema>({
  name,
  services,
  schema,
  module,
}: ServiceMain<S>): Promise<void> {
  await runProcess(name, async () => {
    const config = readConfig(schema);
    const common = config as ServiceConfig;
    const log = createLogger(name, common.STIGMER_LOG_LEVEL);
    return start({ name, services, config: common, module: await module(config, log), log });
  });
}

/** The life of a process: a start that fails says why in one line per problem; a signal ends it once. */
export async function runProcess(name: string, startUp: () => Promise<RunningService>): Promise<void> {
  try {
    const running = await startUp();
    const stop = (): void => {
      running.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  } catch (error) {
    process.stderr.write(
      `${name} cannot start: ${error instanceof Error ? error.message : 'unknown error'}\n`,
    );
    process.exit(1);
  }
}

/** Reflection of these services, read from their files' descriptors. It brings its own copy of grpc-js's types. */
function reflection(definition: PackageDefinition, services: readonly DescService[]): ReflectionService {
  type Definition = ConstructorParameters<typeof ReflectionService>[0];
  return new ReflectionService(definition as Definition, {
    services: services.map(({ typeName }) => typeName),
  });
}

/** Waits for running calls, then cuts off what is left. */
async function closeWithin(
  app: INestMicroservice,
  server: GrpcServer | undefined,
  milliseconds: number,
): Promise<void> {
  const timer = setTimeout(() => server?.forceShutdown(), milliseconds);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

/** Nest's own lines: its start-up chatter is dropped, what it warns of goes to the log. */
function nestLogger(log: Logger): LoggerService {
  return {
    log: () => undefined,
    warn: (message: unknown) => {
      log.warn({ nest: String(message) }, 'nest');
    },
    error: (message: unknown) => {
      log.error({ nest: message instanceof Error ? message : String(message) }, 'nest');
    },
  };
}
