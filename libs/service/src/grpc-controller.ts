import { once } from 'node:events';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { Metadata, ServerWritableStream } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { MessagePattern, Transport } from '@nestjs/microservices';
import { unavailable } from '@stigmer/domain';
import type { GrpcHandlers } from '@stigmer/proto';
import { EMPTY, type Observable } from 'rxjs';
import { type CallContext, contextOf } from './call-context';
import { assertValid } from './validation';

/** What a controller of the service `S` implements: every rpc, with exact types. */
export type RpcHandlers<S extends DescService> = GrpcHandlers<S, CallContext>;

type Handler = (request: Message, context: CallContext) => unknown;
type NestHandler = (
  this: Readonly<Record<string, Handler>>,
  request: Message,
  metadata: Metadata,
  call: object,
) => unknown;

/**
 * Makes a class the server of `service`: every rpc of the descriptor is bound to the method of its name.
 * The compiler refuses a class that lacks one. Each request is validated before the method sees it.
 */
export function GrpcController<S extends DescService>(service: S) {
  return (controller: new (...args: never[]) => RpcHandlers<S>): void => {
    for (const rpc of service.methods) bindRpc(controller.prototype as object, rpc);
    Controller()(controller);
  };
}

/** Nest finds handlers as methods with metadata. Ours are named by the rpc's path, so they shadow nothing. */
function bindRpc(prototype: object, rpc: DescMethod): void {
  const path = `/${rpc.parent.typeName}/${rpc.name}`;
  const descriptor = { value: adapt(rpc), configurable: true };
  MessagePattern({ service: rpc.parent.typeName, rpc: rpc.name, streaming: 'no_stream' }, Transport.GRPC)(
    prototype,
    path,
    descriptor,
  );
  Object.defineProperty(prototype, path, descriptor);
}

function adapt(rpc: DescMethod): NestHandler {
  switch (rpc.methodKind) {
    case 'unary':
      return function (request, _metadata, call) {
        assertValid(rpc.input, request);
        return this[rpc.localName]?.(request, contextOf(call));
      };
    case 'server_streaming':
      return async function (request, _metadata, call) {
        assertValid(rpc.input, request);
        const context = contextOf(call);
        const messages = this[rpc.localName]?.(request, context) as AsyncIterable<unknown>;
        return writeAll(messages, call as ServerWritableStream<unknown, unknown>, context.signal);
      };
    case 'client_streaming':
    case 'bidi_streaming':
      throw new Error(`${rpc.parent.typeName}/${rpc.name}: the contract has no client streams`);
  }
}

/**
 * Writes a stream with back-pressure: a slow reader slows the source down, and nothing piles up in memory.
 * Ends as Nest's own empty stream does. A stream cut off by draining must not look complete, so it fails.
 */
async function writeAll(
  messages: AsyncIterable<unknown>,
  call: ServerWritableStream<unknown, unknown>,
  signal: AbortSignal,
): Promise<Observable<never>> {
  try {
    for await (const message of messages) {
      if (signal.aborted) break;
      if (!call.write(message)) await once(call, 'drain', { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) throw unavailable('the stream was cut off; subscribe again');
  return EMPTY;
}
