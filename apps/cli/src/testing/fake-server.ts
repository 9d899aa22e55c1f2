import * as grpc from '@grpc/grpc-js';
import { DomainError } from '@stigmer/domain';
import type { DescService } from '@bufbuild/protobuf';
import { serviceDefinition, type GrpcHandlers } from '@stigmer/proto';
import { toStatus } from '@stigmer/sdk';

/** What a call brings along that is no message. */
export interface FakeCall {
  readonly metadata: grpc.Metadata;
  readonly signal: AbortSignal;
}

type Handlers<S extends DescService> = Partial<GrpcHandlers<S, FakeCall>>;

/** The far side of the network: a real gRPC server whose rpcs a test writes; those it leaves out are UNIMPLEMENTED. */
export class FakeServer {
  readonly #server = new grpc.Server();
  address = '';

  serve<S extends DescService>(service: S, handlers: Handlers<S>): this {
    const rpcs = Object.values(service.method).flatMap((method) => {
      const handler = handlers[method.name as keyof Handlers<S>] as Handler | undefined;
      if (!handler) return [];
      const bound: Handler = (request, call) => handler.call(handlers, request, call);
      return [
        [method.name, method.methodKind === 'server_streaming' ? streaming(bound) : unary(bound)] as const,
      ];
    });
    this.#server.addService(serviceDefinition(service), Object.fromEntries(rpcs));
    return this;
  }

  async listen(): Promise<this> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

type Handler = (request: unknown, call: FakeCall) => unknown;

function unary(handler: Handler): grpc.handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handler(call.request, { metadata: call.metadata, signal: signalOf(call) }))
      .then(
        (answer) => {
          callback(null, answer);
        },
        (error: unknown) => {
          callback(statusOf(error));
        },
      );
  };
}

function streaming(handler: Handler): grpc.handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    void (async () => {
      try {
        const answers = handler(call.request, {
          metadata: call.metadata,
          signal: signalOf(call),
        }) as AsyncIterable<unknown>;
        for await (const answer of answers) call.write(answer);
        call.end();
      } catch (error) {
        call.emit('error', statusOf(error));
      }
    })();
  };
}

function signalOf(call: { on(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  call.on('cancelled', () => {
    controller.abort();
  });
  return controller.signal;
}

function statusOf(error: unknown): grpc.ServiceError {
  const metadata = new grpc.Metadata();
  const internal = { code: grpc.status.INTERNAL, details: 'internal error', metadata };
  const status = error instanceof DomainError ? toStatus(error) : internal;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- DomainError's codes are plain numbers, the same ones
  return Object.assign(new Error(status.details), status);
}
