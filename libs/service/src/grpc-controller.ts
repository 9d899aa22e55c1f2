import type { DescService } from '@bufbuild/protobuf';
import { Controller, type INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { GrpcHandlers } from '@stigmer/proto';
import type { CallContext } from './call-context';

/** What a controller of the service `S` implements: every rpc, with exact types. */
export type RpcHandlers<S extends DescService> = GrpcHandlers<S, CallContext>;

/** Which service a class serves. */
const served = new WeakMap<object, DescService>();

/**
 * Makes a class the server of `service`: every rpc of the descriptor is served by the method of its name.
 * The compiler refuses a class that lacks one. Each request is validated before the method sees it.
 */
export function GrpcController<S extends DescService>(service: S) {
  return (controller: new (...args: never[]) => RpcHandlers<S>): void => {
    served.set(controller, service);
    Controller()(controller);
  };
}

/** The controllers that Nest has put together, by the full name of the service each serves. */
export function controllersOf(app: INestApplicationContext): ReadonlyMap<string, object> {
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [
    ...module.controllers.values(),
  ]);
  return new Map(
    controllers.flatMap(({ metatype, instance }) => {
      const service = metatype === null ? undefined : served.get(metatype);
      return service === undefined ? [] : [[service.typeName, instance] as const];
    }),
  );
}
