import {
  create,
  fromBinary,
  toBinary,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';

/**
 * The seam between the contract and gRPC: everything here works on descriptors, so that no service name, rpc name
 * or message shape is ever written down a second time.
 */

/** Messages may have 10 MB of content; the rest is room for what wraps it. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024 + 64 * 1024;

/** A unary call without a deadline of its own gets this one: no caller waits for ever. */
export const DEFAULT_DEADLINE_MS = 10_000;

/**
 * What implements a service: every rpc, with exact types. A missing or misspelt rpc does not compile.
 * `Context` is what the host hands to each call (who is calling, cancellation).
 */
export type GrpcHandlers<S extends DescService, Context> = {
  readonly [K in keyof S['method']]: Handler<S['method'][K], Context>;
};

type Handler<M extends DescMethod, Context> = (
  request: MessageShape<M['input']>,
  context: Context,
) => Answer<M, MessageInitShape<M['output']> | Encoded<M['output']>>;

/** A message that is encoded already and goes out as it is: for what many callers get, and for what has to be fast. */
export class Encoded<S extends DescMessage> {
  constructor(
    readonly schema: S,
    readonly bytes: Uint8Array,
  ) {}
}

type Answer<M extends DescMethod, T> = M['methodKind'] extends 'server_streaming'
  ? AsyncIterable<T>
  : Promise<T>;

/** A client of a service: one function per rpc. Failures reject with grpc-js's `ServiceError`. */
export type GrpcClient<S extends DescService> = {
  readonly [K in keyof S['method']]: Rpc<S['method'][K]>;
} & { close(): void };

type Rpc<M extends DescMethod> = (
  request: MessageInitShape<M['input']> | Encoded<M['input']>,
  options?: CallOptions,
) => Answer<M, MessageShape<M['output']>>;

/** A client whose unary answers come as they are on the wire. */
export type EncodedGrpcClient<S extends DescService> = {
  readonly [K in keyof S['method']]: EncodedRpc<S['method'][K]>;
} & { close(): void };

type EncodedRpc<M extends DescMethod> = (
  request: MessageInitShape<M['input']> | Encoded<M['input']>,
  options?: CallOptions,
) => Answer<M, Encoded<M['output']>>;

export interface CallOptions {
  readonly metadata?: grpc.Metadata;
  readonly signal?: AbortSignal;
  /** From now. Streams have none unless it is given here. */
  readonly deadlineMs?: number;
}

export interface GrpcClientOptions {
  /** For unary calls that name none; default {@link DEFAULT_DEADLINE_MS}. */
  readonly deadlineMs?: number;
  /** Further grpc-js options: interceptors, keepalive. */
  readonly channel?: grpc.ClientOptions;
  /** What a failed call rejects with; default the `ServiceError` itself. */
  readonly mapError?: (error: Error) => Error;
  /** Leaves the answers as they came: see {@link encodedGrpcClient}. */
  readonly encodedAnswers?: boolean;
}

/** grpc-js knows this type and does not export it. */
export type PackageDefinition = Parameters<typeof grpc.loadPackageDefinition>[0];

/** The service as grpc-js serves it. */
export function serviceDefinition(service: DescService): grpc.ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]));
}

/**
 * What Nest's gRPC transport takes as `packageDefinition`: the services by full name, and one entry per file with
 * the descriptor's bytes, which is where `@grpc/reflection` looks.
 */
export function packageDefinition(...services: readonly DescService[]): PackageDefinition {
  const files = new Set(services.flatMap((service) => [...withImports(service.file)]));
  const entries: (readonly [string, PackageDefinition[string]])[] = [
    ...services.map((service) => [service.typeName, serviceDefinition(service)] as const),
    ...[...files].map((file) => [`file:${file.name}`, fileDefinition(file)] as const),
  ];
  return Object.fromEntries(entries);
}

/**
 * Connects lazily to `address`. Rpcs that the contract marks as free of side effects or idempotent are tried again
 * while the server is UNAVAILABLE; the others never are, since a lost answer may hide a write that happened.
 */
export function grpcClient<S extends DescService>(
  service: S,
  address: string,
  credentials: grpc.ChannelCredentials,
  options: GrpcClientOptions = {},
): GrpcClient<S> {
  const client = new grpc.Client(address, credentials, {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.service_config': JSON.stringify(retryConfig(service)),
    ...options.channel,
  });
  const rpcs = service.methods.map((method) => [
    method.name,
    method.methodKind === 'server_streaming'
      ? streamRpc(client, method, options)
      : unaryRpc(client, method, options),
  ]);
  // The rpcs are built from the descriptor that the type is derived from; the compiler cannot follow that.
  return {
    ...Object.fromEntries(rpcs),
    close: () => {
      client.close();
    },
  } as GrpcClient<S>;
}

/** As {@link grpcClient}, for a caller who takes only a part of the answers, or decodes them better. */
export function encodedGrpcClient<S extends DescService>(
  service: S,
  address: string,
  credentials: grpc.ChannelCredentials,
  options: GrpcClientOptions = {},
): EncodedGrpcClient<S> {
  return grpcClient(service, address, credentials, {
    ...options,
    encodedAnswers: true,
  }) as unknown as EncodedGrpcClient<S>;
}

function methodDefinition(method: DescMethod): grpc.MethodDefinition<unknown, unknown> {
  return {
    // The rpc's own name, not a JavaScript spelling of it: the contract's rpcs are lowerCamel on the wire.
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    requestSerialize: serializer(method.input),
    requestDeserialize: deserializer(method.input),
    responseSerialize: serializer(method.output),
    responseDeserialize: deserializer(method.output),
  };
}

function serializer(schema: DescMessage): grpc.serialize<unknown> {
  return (init) => {
    if (init instanceof Encoded) return asBuffer(init.bytes);
    return asBuffer(toBinary(schema, create(schema, init as MessageInitShape<DescMessage>)));
  };
}

/** The same memory. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function encodedAnswer(schema: DescMessage): grpc.deserialize<unknown> {
  return (bytes) => new Encoded(schema, bytes);
}

function deserializer(schema: DescMessage): grpc.deserialize<unknown> {
  return (bytes) => fromBinary(schema, bytes);
}

function unaryRpc(client: grpc.Client, method: DescMethod, options: GrpcClientOptions) {
  const { path, requestSerialize, responseDeserialize: decoded } = methodDefinition(method);
  const { deadlineMs: defaultDeadlineMs = DEFAULT_DEADLINE_MS, mapError = unchanged } = options;
  const responseDeserialize = options.encodedAnswers === true ? encodedAnswer(method.output) : decoded;
  return (request: unknown, { metadata, signal, deadlineMs = defaultDeadlineMs }: CallOptions = {}) =>
    new Promise<unknown>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata ?? new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error) reject(mapError(error));
          else resolve(response);
        },
      );
      const cancel = () => {
        call.cancel();
      };
      if (signal?.aborted) cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
}

function streamRpc(client: grpc.Client, method: DescMethod, { mapError = unchanged }: GrpcClientOptions) {
  const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
  return async function* (request: unknown, { metadata, signal, deadlineMs }: CallOptions = {}) {
    const call = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata ?? new grpc.Metadata(),
      deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
    );
    // A reader that has left no longer listens, and an unheard error would end the process.
    call.on('error', () => undefined);
    const cancel = () => {
      call.cancel();
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      yield* call as AsyncIterable<unknown>;
    } catch (error) {
      throw error instanceof Error ? mapError(error) : error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      cancel();
    }
  };
}

function unchanged(error: Error): Error {
  return error;
}

/** gRPC's own retry (service config): three attempts within about a second, and only for the rpcs that allow it. */
function retryConfig(service: DescService) {
  const repeatable = service.methods.filter(
    ({ idempotency }) => idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  );
  if (repeatable.length === 0) return {};
  return {
    methodConfig: [
      {
        name: repeatable.map((method) => ({ service: service.typeName, method: method.name })),
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: '0.2s',
          maxBackoff: '1s',
          backoffMultiplier: 2,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
  };
}

function fileDefinition(file: DescFile): grpc.ProtobufTypeDefinition {
  const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto));
  return { format: 'Protocol Buffer 3 DescriptorProto', type: file.proto, fileDescriptorProtos: [bytes] };
}

function withImports(file: DescFile): ReadonlySet<DescFile> {
  return new Set([file, ...file.dependencies.flatMap((dependency) => [...withImports(dependency)])]);
}
