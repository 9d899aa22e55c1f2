import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import type { Agent } from './gen/ai/stigmer/agentic/agent/v1/api_pb';
import { AgentCommandController } from './gen/ai/stigmer/agentic/agent/v1/command_pb';
import type { AgentExecution } from './gen/ai/stigmer/agentic/agentexecution/v1/api_pb';
import { AgentExecutionCommandController } from './gen/ai/stigmer/agentic/agentexecution/v1/command_pb';
import { AgentExecutionQueryController } from './gen/ai/stigmer/agentic/agentexecution/v1/query_pb';
import { EnvironmentSchema } from './gen/ai/stigmer/agentic/environment/v1/api_pb';
import { EnvironmentCommandController } from './gen/ai/stigmer/agentic/environment/v1/command_pb';
import { EnvironmentQueryController } from './gen/ai/stigmer/agentic/environment/v1/query_pb';
import { EnvironmentSpecSchema } from './gen/ai/stigmer/agentic/environment/v1/spec_pb';
import {
  Encoded,
  encodedGrpcClient,
  grpcClient,
  type GrpcClientOptions,
  type GrpcHandlers,
  packageDefinition,
  serviceDefinition,
} from './grpc';
import { type Served, serveService } from './testing/serve';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function serve<S extends Parameters<typeof serveService>[0]>(
  service: S,
  handlers: grpc.UntypedServiceImplementation,
  options?: GrpcClientOptions,
): Promise<Served<S>> {
  const served = await serveService(service, handlers, options);
  stops.push(served.stop);
  return served;
}

const echo: grpc.handleUnaryCall<unknown, unknown> = (call, done) => {
  done(null, call.request);
};
const never: grpc.handleUnaryCall<unknown, unknown> = () => undefined;

/** A handler that fails as often as told, then answers; it counts its calls. */
function failing(times: number, code: grpc.status) {
  const handler: grpc.handleUnaryCall<unknown, unknown> = (_call, done) => {
    calls.count += 1;
    if (calls.count <= times) done({ code, details: 'not now' });
    else done(null, {});
  };
  const calls = { count: 0, handler };
  return calls;
}

describe('the wire', () => {
  test('names an rpc as the contract does, in lower case', () => {
    expect(serviceDefinition(EnvironmentCommandController)).toMatchObject({
      apply: { path: '/ai.stigmer.agentic.environment.v1.EnvironmentCommandController/apply' },
      removeVariables: {
        path: '/ai.stigmer.agentic.environment.v1.EnvironmentCommandController/removeVariables',
      },
    });
  });

  test('keeps 64-bit integers exact', async () => {
    const { client } = await serve(EnvironmentCommandController, { apply: echo });
    const seconds = 2n ** 53n + 1n;
    const createdAt = create(TimestampSchema, { seconds });
    const answer = await client.apply({ status: { audit: { specAudit: { createdAt } } } });
    expect(answer.status?.audit?.specAudit?.createdAt?.seconds).toBe(seconds);
  });

  test('keeps which member of a oneof is set, an empty one too', async () => {
    const { client } = await serve(AgentCommandController, { apply: echo });
    const answer = await client.apply({
      spec: { mcpServers: [{ name: 'a', serverType: { case: 'http', value: {} } }, { name: 'b' }] },
    });
    expect(answer.spec?.mcpServers.map(({ serverType }) => serverType.case)).toEqual(['http', undefined]);
  });

  test('hands on fields it does not know', async () => {
    const received: Agent[] = [];
    const { address } = await serve(AgentCommandController, {
      apply: (call: grpc.ServerUnaryCall<Agent, Agent>, done: grpc.sendUnaryData<Agent>) => {
        received.push(call.request);
        done(null, call.request);
      },
    });
    const newer = new BinaryWriter()
      .tag(9999, WireType.LengthDelimited)
      .string('from a later version')
      .finish();
    expect(
      Buffer.from(await rawCall(address, '/ai.stigmer.agentic.agent.v1.AgentCommandController/apply', newer)),
    ).toEqual(Buffer.from(newer));
    expect(received[0]?.$unknown).toHaveLength(1);
  });

  test('keeps a map key that is the name of a property of every object, and changes no prototype', async () => {
    const { client } = await serve(EnvironmentCommandController, { apply: echo });
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString'];
    const bytes = names.reduce(
      (writer, name) =>
        writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name).join(),
      new BinaryWriter(),
    );
    const answer = await client.apply({ spec: fromBinary(EnvironmentSpecSchema, bytes.finish()) });
    expect(Object.keys(answer.spec?.data ?? {}).sort()).toEqual(names);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('takes a message of 10 MB, and refuses one of 11', async () => {
    const { client } = await serve(EnvironmentCommandController, { apply: echo });
    const sized = (megabytes: number) => ({ spec: { description: 'x'.repeat(megabytes * 1024 * 1024) } });
    expect((await client.apply(sized(10))).spec?.description).toHaveLength(10 * 1024 * 1024);
    await expect(client.apply(sized(11))).rejects.toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
  });

  test('carries what is encoded already as it is, both ways, and hands it on undecoded where asked', async () => {
    const schema = EnvironmentSpecSchema;
    const answer = new Encoded(schema, toBinary(schema, create(schema, { description: 'as it is' })));
    const { client, address } = await serve(EnvironmentCommandController, {
      apply: echo,
      delete: (_call: unknown, done: grpc.sendUnaryData<unknown>) => {
        done(null, answer);
      },
    });
    const spec = create(EnvironmentSpecSchema, { description: 'asked for' });
    const environment = create(EnvironmentSchema, { spec });
    const request = new Encoded(EnvironmentSchema, toBinary(EnvironmentSchema, environment));
    expect(await client.apply(request)).toEqual(environment);
    const undecoded = encodedGrpcClient(
      EnvironmentCommandController,
      address,
      grpc.credentials.createInsecure(),
    );
    try {
      const { bytes } = await undecoded.delete({});
      expect(fromBinary(EnvironmentSpecSchema, bytes).description).toBe('as it is');
    } finally {
      undecoded.close();
    }
  });

  test('sends metadata along', async () => {
    const { client } = await serve(EnvironmentQueryController, {
      get: (call: grpc.ServerUnaryCall<unknown, unknown>, done: grpc.sendUnaryData<unknown>) => {
        done(null, { kind: String(call.metadata.get('x-test')[0]) });
      },
    });
    const metadata = new grpc.Metadata();
    metadata.set('x-test', 'here');
    await expect(client.get({ value: 'a' }, { metadata })).resolves.toMatchObject({ kind: 'here' });
  });
});

describe('a unary call', () => {
  test('ends at its deadline', async () => {
    const { client } = await serve(EnvironmentQueryController, { get: never });
    await expect(client.get({ value: 'a' }, { deadlineMs: 50 })).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
    });
  });

  test('has the deadline of its client where it names none', async () => {
    const { client } = await serve(EnvironmentQueryController, { get: never }, { deadlineMs: 50 });
    await expect(client.get({ value: 'a' })).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
  });

  test('is cancelled by its signal, at the server too', async () => {
    const stop = new AbortController();
    const cancelled = Promise.withResolvers<undefined>();
    const { client } = await serve(EnvironmentQueryController, {
      get: (call: grpc.ServerUnaryCall<unknown, unknown>) => {
        call.on('cancelled', () => {
          cancelled.resolve(undefined);
        });
        stop.abort();
      },
    });
    await expect(client.get({ value: 'a' }, { signal: stop.signal })).rejects.toMatchObject({
      code: grpc.status.CANCELLED,
    });
    await cancelled.promise;
  });

  test('does not start when its signal has fired before', async () => {
    const { client } = await serve(EnvironmentQueryController, { get: echo });
    await expect(client.get({ value: 'a' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: grpc.status.CANCELLED,
    });
  });

  test('rejects with what the client makes of the error', async () => {
    const mapError = (error: Error) => new Error('mapped', { cause: error });
    const { client } = await serve(EnvironmentQueryController, {}, { mapError });
    await expect(client.get({ value: 'a' })).rejects.toMatchObject({
      message: 'mapped',
      cause: { code: grpc.status.UNIMPLEMENTED },
    });
  });
});

describe('while the server is UNAVAILABLE', () => {
  test('a read is tried again', async () => {
    const get = failing(2, grpc.status.UNAVAILABLE);
    const { client } = await serve(EnvironmentQueryController, { get: get.handler });
    await client.get({ value: 'a' });
    expect(get.count).toBe(3);
  });

  test('a read is given up after three attempts', async () => {
    const get = failing(9, grpc.status.UNAVAILABLE);
    const { client } = await serve(EnvironmentQueryController, { get: get.handler });
    await expect(client.get({ value: 'a' })).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(get.count).toBe(3);
  });

  test('a write is not: its answer may have been lost after it happened', async () => {
    const apply = failing(1, grpc.status.UNAVAILABLE);
    const { client } = await serve(EnvironmentCommandController, { apply: apply.handler });
    await expect(client.apply({})).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(apply.count).toBe(1);
  });

  test('a write that the contract calls idempotent is', async () => {
    const cancel = failing(1, grpc.status.UNAVAILABLE);
    const { client } = await serve(AgentExecutionCommandController, { cancel: cancel.handler });
    await client.cancel({ value: 'a' });
    expect(cancel.count).toBe(2);
  });

  test('no other failure is tried again', async () => {
    const get = failing(1, grpc.status.INTERNAL);
    const { client } = await serve(EnvironmentQueryController, { get: get.handler });
    await expect(client.get({ value: 'a' })).rejects.toMatchObject({ code: grpc.status.INTERNAL });
    expect(get.count).toBe(1);
  });
});

describe('a server stream', () => {
  type Stream = grpc.ServerWritableStream<unknown, Partial<AgentExecution>>;

  test('yields every message in order and ends', async () => {
    const { client } = await serve(AgentExecutionQueryController, {
      subscribe: (call: Stream) => {
        for (const kind of ['a', 'b', 'c']) call.write({ kind });
        call.end();
      },
    });
    const kinds = (await all(client.subscribe({ value: 'x' }))).map(({ kind }) => kind);
    expect(kinds).toEqual(['a', 'b', 'c']);
  });

  test('throws the error it ends with, as the client maps it', async () => {
    const { client } = await serve(
      AgentExecutionQueryController,
      {
        subscribe: (call: Stream) => {
          call.write({ kind: 'a' });
          call.emit('error', { code: grpc.status.NOT_FOUND, details: 'gone' });
        },
      },
      { mapError: (error) => new Error('mapped', { cause: error }) },
    );
    const messages = client.subscribe({ value: 'x' })[Symbol.asyncIterator]();
    await expect(messages.next()).resolves.toMatchObject({ value: { kind: 'a' } });
    await expect(messages.next()).rejects.toMatchObject({
      message: 'mapped',
      cause: { code: grpc.status.NOT_FOUND },
    });
  });

  test('is cancelled at the server when its reader leaves', async () => {
    const cancelled = Promise.withResolvers<undefined>();
    const { client } = await serve(AgentExecutionQueryController, {
      subscribe: (call: Stream) => {
        call.on('cancelled', () => {
          cancelled.resolve(undefined);
        });
        call.write({ kind: 'a' });
      },
    });
    for await (const { kind } of client.subscribe({ value: 'x' })) {
      expect(kind).toBe('a');
      break;
    }
    await cancelled.promise;
  });

  test('is cancelled by its signal', async () => {
    const stop = new AbortController();
    const { client } = await serve(AgentExecutionQueryController, {
      subscribe: (call: Stream) => {
        call.write({ kind: 'a' });
      },
    });
    const messages = client.subscribe({ value: 'x' }, { signal: stop.signal })[Symbol.asyncIterator]();
    await messages.next();
    stop.abort();
    await expect(messages.next()).rejects.toMatchObject({ code: grpc.status.CANCELLED });
  });

  test('has no deadline unless it is given one', async () => {
    const { client } = await serve(
      AgentExecutionQueryController,
      {
        subscribe: (call: Stream) => {
          setTimeout(() => {
            call.write({ kind: 'late' });
            call.end();
          }, 150);
        },
      },
      { deadlineMs: 50 },
    );
    await expect(all(client.subscribe({ value: 'x' }))).resolves.toHaveLength(1);
    await expect(all(client.subscribe({ value: 'x' }, { deadlineMs: 50 }))).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
    });
  });
});

describe('the package definition', () => {
  const definition = packageDefinition(EnvironmentCommandController, EnvironmentQueryController);

  test('holds the services by their full names', () => {
    expect(Object.keys(definition)).toEqual(
      expect.arrayContaining([EnvironmentCommandController.typeName, EnvironmentQueryController.typeName]),
    );
  });

  test('holds the descriptor of every file that is needed, for reflection', () => {
    const bytes = Object.values(definition).flatMap((entry) =>
      'fileDescriptorProtos' in entry && Array.isArray(entry.fileDescriptorProtos)
        ? entry.fileDescriptorProtos
        : [],
    );
    const files = bytes.map((file) => fromBinary(FileDescriptorProtoSchema, file as Uint8Array));
    const names = new Set(files.map(({ name }) => name));
    expect(names.size).toBe(files.length);
    expect(files.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name))).toEqual([]);
  });
});

test('a controller that implements its service compiles; one that lacks an rpc does not', () => {
  const whole: GrpcHandlers<typeof EnvironmentQueryController, { readonly caller: string }> = {
    get: ({ value }, { caller }) => Promise.resolve({ metadata: { id: value, name: caller } }),
    getByReference: ({ slug }) => Promise.resolve({ metadata: { slug } }),
    getSecretValue: () => Promise.resolve({ value: '' }),
    list: () => Promise.resolve({ items: [{ spec: { data: { NAME: { value: '' } } } }] }),
    history: () => Promise.resolve({ items: [{ number: 1 }] }),
    diff: () => Promise.resolve({ variables: [] }),
    importers: () => Promise.resolve({ items: [] }),
  };
  // @ts-expect-error: six rpcs are missing
  const part: GrpcHandlers<typeof EnvironmentQueryController, object> = { get: () => Promise.resolve({}) };
  expect(Object.keys(whole)).toHaveLength(EnvironmentQueryController.methods.length);
  expect(Object.keys(part)).toHaveLength(1);
});

test('nothing listens: the call fails as UNAVAILABLE rather than waiting', async () => {
  const client = grpcClient(EnvironmentCommandController, '127.0.0.1:1', grpc.credentials.createInsecure());
  stops.push(() => {
    client.close();
  });
  await expect(client.apply({})).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
});

async function all<T>(messages: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

/** A call whose bytes nobody encodes or decodes on this side. */
function rawCall(address: string, path: string, request: Uint8Array): Promise<Uint8Array> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const same = (bytes: Uint8Array) => Buffer.from(bytes);
  return new Promise<Uint8Array>((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      same,
      same,
      request,
      { deadline: Date.now() + 60_000 } as grpc.CallOptions,
      (error, answer) => {
        client.close();
        if (error) reject(error);
        else resolve(answer ?? new Uint8Array());
      },
    );
  });
}
