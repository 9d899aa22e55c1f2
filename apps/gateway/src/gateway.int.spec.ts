import { once } from 'node:events';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  credentials,
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServerWritableStream,
  type ServiceError,
  status,
  type StatusObject,
} from '@grpc/grpc-js';
import { freePort } from '@stigmer/embedded';
import { createLogger } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import type { GatewayConfig } from './config';
import { type RunningGateway, startGateway } from './gateway';

const DEADLINE_MS = 60_000;
const TOKEN = 'local-token-local-token-local-token-00';
const ENVIRONMENT_GET = '/ai.stigmer.agentic.environment.v1.EnvironmentQueryController/get';
const SUBSCRIBE = '/ai.stigmer.agentic.agentexecution.v1.AgentExecutionQueryController/subscribe';
const keys = testIdentities();
const same = (bytes: Buffer): Buffer => bytes;

type Call = ServerWritableStream<Buffer, Buffer>;

/** The far side: a gRPC server that answers as told and remembers what came. */
class Backend {
  readonly server = new Server({ 'grpc.max_receive_message_length': -1 });
  readonly calls: Call[] = [];
  answer: (call: Call) => void = (call) => {
    call.write(Buffer.alloc(0));
    call.end();
  };

  constructor(...paths: readonly string[]) {
    for (const path of paths) {
      const handle = (call: Call): void => {
        this.calls.push(call);
        this.answer(call);
      };
      this.server.register(path, handle, same, same, 'serverStream');
    }
  }

  async listen(address = '127.0.0.1:0'): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error);
        else resolve(`127.0.0.1:${port}`);
      });
    });
  }

  get last(): Call {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error('nothing came');
    return call;
  }
}

const environments = new Backend(ENVIRONMENT_GET);
const controlPlane = new Backend(SUBSCRIBE);
let addresses: Pick<
  GatewayConfig,
  | 'STIGMER_ENVIRONMENT_SERVICE'
  | 'STIGMER_CONTROL_PLANE'
  | 'STIGMER_CONTEXT_SERVICE'
  | 'STIGMER_RESOLVER_SERVICE'
>;
let gateway: RunningGateway;
let client: Client;

beforeAll(async () => {
  setLogVerbosity(logVerbosity.NONE);
  const nobody = `127.0.0.1:${await freePort()}`;
  addresses = {
    STIGMER_ENVIRONMENT_SERVICE: await environments.listen(),
    STIGMER_CONTROL_PLANE: await controlPlane.listen(),
    STIGMER_CONTEXT_SERVICE: nobody,
    STIGMER_RESOLVER_SERVICE: nobody,
  };
  gateway = await startOne();
  client = connect(gateway);
});
afterAll(async () => {
  client.close();
  await gateway.close();
  environments.server.forceShutdown();
  controlPlane.server.forceShutdown();
});

function startOne(listen: string[] = ['127.0.0.1:0']): Promise<RunningGateway> {
  const config: GatewayConfig = {
    ...addresses,
    STIGMER_LISTEN: listen,
    STIGMER_IDENTITY_KEY: keys.identity('gateway'),
    STIGMER_LOCAL_TOKEN: TOKEN,
    STIGMER_LOG_LEVEL: 'silent',
  };
  return startGateway(config, createLogger('gateway', 'silent'));
}

function connect({ addresses: [address = ''] }: RunningGateway): Client {
  return new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
}

interface Answer {
  readonly message?: Buffer;
  readonly headers: Metadata;
  readonly outcome: StatusObject;
}

async function unary(
  path: string,
  request: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  let received = new Metadata();
  let message: Buffer | undefined;
  const call = client.makeUnaryRequest(
    path,
    same,
    same,
    request,
    Metadata.fromHttp2Headers(headers),
    { deadline: Date.now() + DEADLINE_MS },
    (_error, value) => {
      message = value;
    },
  );
  call.on('metadata', (metadata) => {
    received = metadata;
  });
  const [outcome] = (await once(call, 'status')) as [StatusObject];
  return { message, headers: received, outcome };
}

describe('the gateway', () => {
  it('passes request and answer byte for byte, fields that nobody knows included', async () => {
    const request = Buffer.from('0a03616263' + 'fa3f0568656c6c6f', 'hex'); // field 1 "abc", field 1023 "hello"
    const answer = Buffer.from('fa3f02686900', 'hex');
    environments.answer = (call) => {
      call.write(answer);
      call.end();
    };
    const { message, outcome } = await unary(ENVIRONMENT_GET, request);
    expect(outcome.code).toBe(status.OK);
    expect(environments.last.request).toEqual(request);
    expect(message).toEqual(answer);
  });

  it('passes messages of 10 MB both ways', async () => {
    const large = Buffer.alloc(10 * 1024 * 1024, 7);
    environments.answer = (call) => {
      call.write(call.request);
      call.end();
    };
    const { message } = await unary(ENVIRONMENT_GET, large);
    expect(message?.equals(large)).toBe(true);
  });

  it('passes headers, trailers and an error with its details', async () => {
    const details = Buffer.from([8, 3, 18, 2, 104, 105]);
    environments.answer = (call) => {
      call.sendMetadata(Metadata.fromHttp2Headers({ 'x-answer': 'header' }));
      const metadata = new Metadata();
      metadata.set('grpc-status-details-bin', details);
      metadata.set('x-answer', 'trailer');
      call.emit('error', { code: status.INVALID_ARGUMENT, details: 'spec.data: no', metadata });
    };
    const { headers, outcome } = await unary(ENVIRONMENT_GET, Buffer.alloc(0), { 'x-request': 'question' });
    expect(environments.last.metadata.get('x-request')).toEqual(['question']);
    expect(headers.get('x-answer')).toEqual(['header']);
    expect(outcome).toMatchObject({ code: status.INVALID_ARGUMENT, details: 'spec.data: no' });
    expect(outcome.metadata.get('grpc-status-details-bin')).toEqual([details]);
    expect(outcome.metadata.get('x-answer')).toEqual(['trailer']);
  });

  it('passes trailers of an answer that is OK', async () => {
    environments.answer = (call) => {
      call.write(Buffer.alloc(1));
      call.end(Metadata.fromHttp2Headers({ 'x-trailer': 'kept' }));
    };
    const { outcome } = await unary(ENVIRONMENT_GET, Buffer.alloc(0));
    expect(outcome.code).toBe(status.OK);
    expect(outcome.metadata.get('x-trailer')).toEqual(['kept']);
  });

  it("passes the caller's deadline on", async () => {
    environments.answer = (call) => {
      call.end();
    };
    await unary(ENVIRONMENT_GET, Buffer.alloc(0));
    const left = Number(environments.last.getDeadline()) - Date.now();
    expect(left).toBeGreaterThan(DEADLINE_MS / 2);
    expect(left).toBeLessThanOrEqual(DEADLINE_MS);
  });
});

describe('a stream', () => {
  const read = (headers = {}) =>
    client.makeServerStreamRequest(
      SUBSCRIBE,
      same,
      same,
      Buffer.from('x'),
      Metadata.fromHttp2Headers(headers),
    );

  const COUNT = 3_000;
  const send = (call: Call): void => {
    for (let i = 0; i < COUNT; i++) call.write(Buffer.from(`${i}:${'.'.repeat(500)}`));
  };
  /** Reads a stream to its end, resting now and then, so that the pipe between fills up. */
  const readSlowly = async () => {
    const call = read();
    const numbers: number[] = [];
    const errors: ServiceError[] = [];
    call.on('error', (error: ServiceError) => {
      errors.push(error);
    });
    call.on('data', (message: Buffer) => {
      numbers.push(parseInt(message.toString()));
      if (numbers.length % 1_000 !== 0) return;
      call.pause();
      setTimeout(() => call.resume(), 50);
    });
    await new Promise((resolve) => call.on('end', resolve));
    return { numbers, errors };
  };

  it('arrives whole and in order, also when its reader is slow', async () => {
    controlPlane.answer = (call) => {
      send(call);
      call.end();
    };
    const { numbers, errors } = await readSlowly();
    expect(numbers).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(errors).toEqual([]);
  });

  it('that ends with an error says so, and has no gap before it', async () => {
    controlPlane.answer = (call) => {
      send(call);
      call.emit('error', { code: status.ABORTED, details: 'enough' });
    };
    const { numbers, errors } = await readSlowly();
    // What was still under way is lost with an error: grpc-js hands a failure to its reader at once.
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i));
    expect(errors).toMatchObject([{ code: status.ABORTED, details: 'enough' }]);
  });

  it('has an ordinary rhythm: each message is passed when it comes, not when the stream ends', async () => {
    controlPlane.answer = (call) => {
      call.write(Buffer.from('first'));
    };
    const call = read();
    call.on('error', () => undefined);
    const [message] = (await once(call, 'data')) as [Buffer];
    expect(message.toString()).toBe('first');
    call.cancel();
  });

  it('that its reader cancels is cancelled at the backend', async () => {
    controlPlane.answer = (call) => {
      call.write(Buffer.from('first'));
    };
    const call = read();
    call.on('error', () => undefined);
    await once(call, 'data');
    const cancelled = once(controlPlane.last, 'cancelled');
    call.cancel();
    await cancelled;
  });
});

describe('what a client claims', () => {
  const forged = {
    'x-stigmer-identity': 'forged',
    'x-stigmer-actor': 'root',
    'x-stigmer-owner': 'true',
    'x-stigmer-anything': 'else',
    authorization: 'Bearer abc',
  };
  const received = () => environments.last.metadata.getMap();
  beforeEach(() => {
    environments.answer = (call) => {
      call.end();
    };
  });

  it("is stripped, and the gateway's own identity takes its place", async () => {
    await unary(ENVIRONMENT_GET, Buffer.alloc(0), forged);
    const headers = received();
    expect(headers).toMatchObject({ 'x-stigmer-actor': 'local' });
    expect(
      Object.keys(headers)
        .filter((key) => key.startsWith('x-stigmer-'))
        .sort(),
    ).toEqual(['x-stigmer-actor', 'x-stigmer-identity']);
    expect(headers).not.toHaveProperty('authorization');
    await expect(
      keys.trusted.verify(String(headers['x-stigmer-identity']), 'environment-service'),
    ).resolves.toBe('gateway');
  });

  it('is believed of the owner, who sends the local token; the token itself goes no further', async () => {
    await unary(ENVIRONMENT_GET, Buffer.alloc(0), { 'x-stigmer-local-token': TOKEN });
    expect(received()).toMatchObject({ 'x-stigmer-owner': 'true' });
    expect(JSON.stringify(received())).not.toContain(TOKEN);
  });

  it('is refused with a wrong token', async () => {
    const before = environments.calls.length;
    for (const token of [`${TOKEN}x`, TOKEN.slice(1), 'x']) {
      const { outcome } = await unary(ENVIRONMENT_GET, Buffer.alloc(0), { 'x-stigmer-local-token': token });
      expect(outcome).toMatchObject({ code: status.UNAUTHENTICATED });
    }
    expect(environments.calls).toHaveLength(before);
  });
});

describe('a way in', () => {
  it('is not given to the internal services, nor to what does not exist', async () => {
    for (const path of [
      '/ai.stigmer.internal.v1.EnvironmentVault/open',
      '/ai.stigmer.internal.v1.ContextVault/create',
      '/x.Y/z',
    ]) {
      const { outcome } = await unary(path, Buffer.alloc(0));
      expect(outcome.code).toBe(status.UNIMPLEMENTED);
    }
  });

  it('answers UNAVAILABLE with the name of a part that is down', async () => {
    const { outcome } = await unary(
      '/ai.stigmer.agentic.resolver.v1.ResolverQueryController/explain',
      Buffer.alloc(0),
    );
    expect(outcome).toMatchObject({ code: status.UNAVAILABLE, details: 'resolver-service is unavailable' });
  });

  it('finds a part again that was restarted', async () => {
    const path = '/ai.stigmer.agentic.resolver.v1.ResolverQueryController/check';
    const resolver = new Backend(path);
    await resolver.listen(addresses.STIGMER_RESOLVER_SERVICE);
    let code: status = status.UNAVAILABLE;
    for (let i = 0; i < 600 && code !== status.OK; i++) {
      await sleep(100);
      code = (await unary(path, Buffer.alloc(0))).outcome.code;
    }
    resolver.server.forceShutdown();
    expect(code).toBe(status.OK);
  });

  it('lists the whole public contract by reflection, and nothing internal', async () => {
    const names = await reflectedServices();
    expect(names).toEqual(
      expect.arrayContaining(['ai.stigmer.agentic.environment.v1.EnvironmentQueryController']),
    );
    expect(names.filter((name) => name.includes('internal'))).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(21);
  });

  it('answers health checks without any credential', async () => {
    const { message, outcome } = await unary('/grpc.health.v1.Health/Check', Buffer.alloc(0));
    expect(outcome.code).toBe(status.OK);
    expect(message).toEqual(Buffer.from([8, 1])); // status: SERVING
  });
});

describe('the addresses of the gateway', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are both loopback addresses, on one port', async () => {
    const port = await freePort();
    const both = await startOne([`127.0.0.1:${port}`, `[::1]:${port}`]);
    expect(both.addresses).toEqual([`127.0.0.1:${port}`, `[::1]:${port}`]);
    await both.close();
  });

  it('are the IPv4 one alone on a machine without IPv6', async () => {
    jest.spyOn(os, 'networkInterfaces').mockReturnValue({});
    const one = await startOne(['127.0.0.1:0', '[::1]:0']);
    expect(one.addresses).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    await one.close();
  });

  it('are all free, or the gateway does not start, says which is not, and lets go of the others', async () => {
    const free = await freePort();
    const [taken = ''] = gateway.addresses;
    await expect(startOne([`127.0.0.1:${free}`, taken])).rejects.toThrow(`cannot listen on ${taken}`);
    const again = await startOne([`127.0.0.1:${free}`]);
    await again.close();
  });
});

describe('a gateway that stops', () => {
  it('ends the subscriptions as UNAVAILABLE and lets a running call finish', async () => {
    const stopping = await startOne();
    const other = connect(stopping);
    let finish: () => void = () => undefined;
    environments.answer = (call) => {
      finish = () => {
        call.write(Buffer.from('done'));
        call.end();
      };
    };
    controlPlane.answer = (call) => {
      call.write(Buffer.from('first'));
    };
    const subscription = other.makeServerStreamRequest(SUBSCRIBE, same, same, Buffer.alloc(0));
    await once(subscription, 'data');
    const ended = new Promise<ServiceError>((resolve) => subscription.on('error', resolve));
    const before = environments.calls.length;
    const answered = new Promise<Buffer | undefined>((resolve) => {
      other.makeUnaryRequest(ENVIRONMENT_GET, same, same, Buffer.alloc(0), (_error, value) => {
        resolve(value);
      });
    });
    while (environments.calls.length === before) await sleep(10);
    const closed = stopping.close();
    expect(await ended).toMatchObject({
      code: status.UNAVAILABLE,
      details: 'the gateway is shutting down; subscribe again',
    });
    finish();
    expect((await answered)?.toString()).toBe('done');
    await closed;
    other.close();
  });
});

async function reflectedServices(): Promise<readonly string[]> {
  const call = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    same,
    same,
    new Metadata(),
  );
  call.write(Buffer.from([0x3a, 0x01, 0x2a])); // list_services: "*"
  const [answer] = (await once(call, 'data')) as [Buffer];
  call.end();
  return [...answer.toString('latin1').matchAll(/ai\.stigmer\.[A-Za-z0-9.]+/g)].map(([name]) => name);
}
