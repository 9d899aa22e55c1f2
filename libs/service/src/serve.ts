import 'reflect-metadata';
import type { DescService } from '@bufbuild/protobuf';
import type { DynamicModule, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { z } from 'zod';
import type { ConfigSchema, ServiceConfig } from './config';
import { controllersOf } from './grpc-controller';
import type { ServiceName } from './identity';
import type { Logger } from './logger';
import { runProcess } from './process';
import { assertOwnIdentity, type RunningService, startServer } from './server';

/** A service as its `main.ts` describes it. */
export interface ServiceMain<S extends ConfigSchema> {
  readonly name: ServiceName;
  readonly services: readonly DescService[];
  /** Extends `serviceConfig`. */
  readonly schema: S;
  readonly module: (
    config: z.infer<S> & ServiceConfig,
    log: Logger,
  ) => Type | DynamicModule | Promise<DynamicModule>;
}

/** Runs a Nest service as a process: configuration, start, and a graceful end on SIGTERM or SIGINT. */
export async function serve<S extends ConfigSchema>({
  name,
  services,
  schema,
  module,
}: ServiceMain<S>): Promise<void> {
  await runProcess(name, schema, async (parsed, log) => {
    const config = parsed as typeof parsed & ServiceConfig;
    return start({ name, services, config, log, module: await module(config, log) });
  });
}

/** A service: its name, the rpc services it serves, and the Nest module that implements them. */
export interface ServiceOptions {
  readonly name: ServiceName;
  readonly services: readonly DescService[];
  readonly config: ServiceConfig;
  readonly module: Type | DynamicModule;
  readonly log: Logger;
}

/**
 * Starts a service. Nest puts its parts together and ends them; the calls do not pass through it, but straight from
 * grpc-js to the controllers (docs/decisions/0007).
 */
export async function start({ module, ...options }: ServiceOptions): Promise<RunningService> {
  assertOwnIdentity(options.name, options.config);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options are a class by name only
  const app = await NestFactory.createApplicationContext(module, {
    logger: nestLogger(options.log),
    abortOnError: false,
  });
  try {
    return await startServer({ ...options, controllers: controllersOf(app), close: () => app.close() });
  } catch (error) {
    await app.close();
    throw error;
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
