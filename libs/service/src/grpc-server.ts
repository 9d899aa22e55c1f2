import { once } from 'node:events';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { unavailable } from '@stigmer/domain';
import { MAX_MESSAGE_BYTES, serviceDefinition } from '@stigmer/proto';
import type { Admission } from './admission';
import type { CallContext } from './call-context';
import type { Logger } from './logger';
import { outcomeOf } from './outcome';
import { assertValid } from './validation';

type Rpc = (request: Message, context: CallContext) => unknown;
type UnaryCall = ServerUnaryCall<Message, unknown>;
type StreamCall = ServerWritableStream<Message, unknown>;

/** What stands around every call. */
export interface CallPath {
  readonly admission: Admission;
  readonly log: Logger;
}

/** A server with the settings that all services have. */
export function createServer(): Server {
  return new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });
}

/** Serves a service of the contract by a controller. Every call is admitted, then validated, then handled. */
export function serveController(
  server: Server,
  service: DescService,
  controller: object,
  path: CallPath,
): void {
  const handlers = service.methods.flatMap((rpc) => {
    const handler = handlerOf(rpc, controller, path);
    return handler === undefined ? [] : [[rpc.name, handler] as const];
  });
  server.addService(serviceDefinition(service), Object.fromEntries(handlers));
}

export function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function handlerOf(rpc: DescMethod, controller: object, { admission, log }: CallPath) {
  const path = `/${rpc.parent.typeName}/${rpc.name}`;
  const method = (controller as Readonly<Record<string, Rpc>>)[rpc.localName]?.bind(controller);
  // A test's controller may serve a part; the compiler holds all others to the whole contract.
  if (method === undefined) return undefined;
  const admitted = async (call: UnaryCall | StreamCall): Promise<CallContext> => {
    const context = await admission.admit(call, path, rpc.methodKind === 'server_streaming');
    assertValid(rpc.input, call.request);
    return context;
  };
  const outcome = (error: unknown) => outcomeOf(error, path, log);
  switch (rpc.methodKind) {
    case 'unary': {
      const answer = async (call: UnaryCall): Promise<unknown> => method(call.request, await admitted(call));
      return (call: UnaryCall, done: sendUnaryData<unknown>): void => {
        answer(call).then(
          (message) => {
            done(null, message);
          },
          (error: unknown) => {
            done(outcome(error));
          },
        );
      };
    }
    case 'server_streaming': {
      const stream = async (call: StreamCall): Promise<void> => {
        const context = await admitted(call);
        await writeAll(method(call.request, context) as AsyncIterable<unknown>, call, context.signal);
      };
      return (call: StreamCall): void => {
        stream(call).then(
          () => {
            call.end();
          },
          (error: unknown) => {
            // Nobody is left to be told, and a reader that leaves is no news.
            if (!call.cancelled) call.emit('error', outcome(error));
          },
        );
      };
    }
    case 'client_streaming':
    case 'bidi_streaming':
      throw new Error(`${path}: the contract has no client streams`);
  }
}

/**
 * Writes a stream with back-pressure: a slow reader slows the source down, and nothing piles up in memory.
 * A stream cut off by draining must not look complete, so it fails.
 */
async function writeAll(
  messages: AsyncIterable<unknown>,
  call: StreamCall,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const message of messages) {
      if (signal.aborted) break;
      if (!call.write(message)) await once(call, 'drain', { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) throw unavailable('the stream was cut off; subscribe again');
}
