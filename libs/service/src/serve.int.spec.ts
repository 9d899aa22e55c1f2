import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  credentials,
  logVerbosity,
  Metadata,
  setLogVerbosity,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { Module } from '@nestjs/common';
import { invalidArgument, notFound } from '@stigmer/domain';
import { freePort } from '@stigmer/embedded';
import { grpcClient, statusDetails } from '@stigmer/proto';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import type { CallContext } from './call-context';
import { GrpcController, type RpcHandlers } from './grpc-controller';
import type { ServiceName } from './identity';
import { createLogger } from './logger';
import { start } from './serve';
import type { RunningService } from './server';
import { serviceClient } from './service-client';
import { testIdentities } from './testing/identities';

const seen: CallContext[] = [];
const streams: AbortSignal[] = [];
/** What the slow ones wait for. */
const slowAnswer = Promise.withResolvers<object>();

@GrpcController(EnvironmentVault)
class Vault implements RpcHandlers<typeof EnvironmentVault> {
  open({ org }: { org: string }, context: CallContext): Promise<object> {
    seen.push(context);
    if (org === 'slow') return slowAnswer.promise;
    if (org === 'missing') throw notFound('Environment', 'github-prod');
    if (org === 'invalid') throw invalidArgument('no', [{ field: 'a.b', description: 'is not allowed' }]);
    if (org === 'broken') throw new Error('canary-cause');
    return Promise.resolve({});
  }
}

@GrpcController(EnvironmentQueryController)
class Queries implements Pick<RpcHandlers<typeof EnvironmentQueryController>, 'get'> {
  get(_request: unknown, context: CallContext): Promise<object> {
    seen.push(context);
    return Promise.resolve({});
  }
  getByReference(): never {
    throw new Error('unused');
  }
  getSecretValue(): never {
    throw new Error('unused');
  }
  list(): never {
    throw new Error('unused');
  }
  history(): never {
    throw new Error('unused');
  }
  diff(): never {
    throw new Error('unused');
  }
  importers(): never {
    throw new Error('unused');
  }
}

@GrpcController(AgentExecutionQueryController)
class Executions implements Pick<RpcHandlers<typeof AgentExecutionQueryController>, 'subscribe'> {
  async *subscribe({ value }: { value: string }, { signal }: CallContext) {
    streams.push(signal);
    const count = value === 'endless' ? Infinity : Number(value);
    for (let i = 0; i < count; i++) {
      if (value === 'endless') await sleep(10, undefined, { signal });
      yield { metadata: { name: String(i) } };
    }
  }
  get(): never {
    throw new Error('unused');
  }
  list(): never {
    throw new Error('unused');
  }
  listBySession(): never {
    throw new Error('unused');
  }
}

@Module({ controllers: [Vault, Queries, Executions] })
class TestModule {}

const keys = testIdentities();
const services = [EnvironmentVault, EnvironmentQueryController, AgentExecutionQueryController];
let address: string;
let service: RunningService;
let log = '';

async function startService(listen: string): Promise<RunningService> {
  return start({
    name: 'environment-service',
    services,
    module: TestModule,
    log: createLogger('environment-service', 'debug', {
      write: (line: string) => {
        log += line;
      },
    }),
    config: {
      STIGMER_LISTEN: listen,
      STIGMER_IDENTITY_KEY: keys.identity('environment-service'),
      STIGMER_TRUSTED_IDENTITIES: keys.trusted,
      STIGMER_LOG_LEVEL: 'debug',
    },
  });
}

beforeAll(async () => {
  setLogVerbosity(logVerbosity.NONE);
  address = `127.0.0.1:${await freePort()}`;
  service = await startService(address);
});
afterAll(() => service.close());

function as(name: ServiceName) {
  const options = { address, audience: 'environment-service', identity: keys.identity(name) } as const;
  return {
    vault: serviceClient(EnvironmentVault, options),
    queries: serviceClient(EnvironmentQueryController, options),
    executions: serviceClient(AgentExecutionQueryController, options),
  };
}

function metadata(entries: Readonly<Record<string, string>>): Metadata {
  return Metadata.fromHttp2Headers(entries);
}

async function refused(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error('was not refused');
    },
    (error: unknown) => error as ServiceError,
  );
}

describe('a service port', () => {
  const bare = () => grpcClient(EnvironmentVault, address, credentials.createInsecure());

  it('refuses a call without an identity, on loopback too', async () => {
    expect(await refused(bare().open({ org: 'a' }))).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('refuses a token that is meant for another service, or was signed by a stranger', async () => {
    const tokens = [
      await keys.identity('resolver-service').token('control-plane'),
      await testIdentities().identity('resolver-service').token('environment-service'),
      'not-a-token',
    ];
    for (const token of tokens) {
      const error = await refused(
        bare().open({ org: 'a' }, { metadata: metadata({ 'x-stigmer-identity': token }) }),
      );
      expect(error).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: 'the service identity is not valid here',
      });
    }
  });

  it('refuses a caller whom the table does not name', async () => {
    const error = await refused(as('workflow-runner').vault.open({ org: 'a' }));
    expect(error).toMatchObject({ kind: 'permission-denied' });
    expect(await refused(as('gateway').vault.open({ org: 'a' }))).toMatchObject({
      kind: 'permission-denied',
    });
  });

  it('serves the caller whom the table names, and says who is calling', async () => {
    await as('resolver-service').vault.open({ org: 'a' });
    expect(seen.at(-1)?.caller).toEqual({
      service: 'resolver-service',
      actor: 'resolver-service',
      owner: false,
    });
  });

  it('believes actor and owner from the gateway alone', async () => {
    const claims = { metadata: metadata({ 'x-stigmer-actor': 'ada', 'x-stigmer-owner': 'true' }) };
    await as('gateway').queries.get({ value: 'env-1' }, claims);
    expect(seen.at(-1)?.caller).toEqual({ service: 'gateway', actor: 'ada', owner: true });
    await as('control-plane').queries.get({ value: 'env-1' }, claims);
    expect(seen.at(-1)?.caller).toEqual({ service: 'control-plane', actor: 'control-plane', owner: false });
  });

  it('answers UNIMPLEMENTED to an rpc it does not serve', async () => {
    const client = grpcClient(RunResolver, address, credentials.createInsecure());
    expect(await refused(client.prepare({}))).toMatchObject({ code: status.UNIMPLEMENTED });
  });
});

describe('beside its rpcs, a service', () => {
  const same = (bytes: Buffer): Buffer => bytes;

  it('answers health checks and reflection without an identity', async () => {
    const client = new Client(address, credentials.createInsecure());
    const health = await new Promise((resolve, reject) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.alloc(0), (error, value) => {
        if (error) reject(error);
        else resolve(value);
      });
    });
    expect(health).toEqual(Buffer.from([8, 1])); // status: SERVING
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const call = client.makeBidiStreamRequest(path, same, same, new Metadata());
    call.write(Buffer.from([0x3a, 0x01, 0x2a])); // list_services: "*"
    const [answer] = (await once(call, 'data')) as [Buffer];
    call.end();
    client.close();
    const listed = [...answer.toString('latin1').matchAll(/ai\.stigmer\.[A-Za-z0-9.]+/g)].map(
      ([name]) => name,
    );
    expect(listed.sort()).toEqual(services.map(({ typeName }) => typeName).sort());
  });

  it('takes messages of 10 MB and refuses larger ones as RESOURCE_EXHAUSTED', async () => {
    const { vault } = as('resolver-service');
    await vault.open({ org: 'x'.repeat(10 * 1024 * 1024) });
    const token = await keys.identity('resolver-service').token('environment-service');
    const client = grpcClient(EnvironmentVault, address, credentials.createInsecure(), {
      channel: { 'grpc.max_send_message_length': -1 },
    });
    const headers = metadata({ 'x-stigmer-identity': token });
    const error = await refused(client.open({ org: 'x'.repeat(11 * 1024 * 1024) }, { metadata: headers }));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it('does not start on a port that is taken, nor with the key of another service', async () => {
    await expect(startService(address)).rejects.toThrow(/EADDRINUSE|address/i);
    const config = {
      STIGMER_LISTEN: address,
      STIGMER_IDENTITY_KEY: keys.identity('gateway'),
      STIGMER_TRUSTED_IDENTITIES: keys.trusted,
      STIGMER_LOG_LEVEL: 'silent',
    } as const;
    const log = createLogger('test', 'silent');
    await expect(
      start({ name: 'resolver-service', services: [], module: TestModule, config, log }),
    ).rejects.toThrow('STIGMER_IDENTITY_KEY is the key of gateway, not of resolver-service');
  });
});

describe('an error', () => {
  const vault = () => as('resolver-service').vault;

  it('that a caller can act on arrives as it was thrown, with its violations', async () => {
    expect(await refused(vault().open({ org: 'missing' }))).toMatchObject({
      kind: 'not-found',
      message: 'Environment not found: github-prod',
    });
    expect(await refused(vault().open({ org: 'invalid' }))).toMatchObject({
      kind: 'invalid-argument',
      violations: [{ field: 'a.b', description: 'is not allowed' }],
    });
  });

  it('that nobody foresaw is INTERNAL with an id, and its cause is in the log alone', async () => {
    const token = await keys.identity('resolver-service').token('environment-service');
    const client = grpcClient(EnvironmentVault, address, credentials.createInsecure());
    const error = await refused(
      client.open({ org: 'broken' }, { metadata: metadata({ 'x-stigmer-identity': token }) }),
    );
    expect(error.code).toBe(status.INTERNAL);
    const [, id] = /^internal error \(id ([0-9a-f-]{36})\)$/.exec(error.details) ?? [];
    expect(log).toContain(`"errorId":"${String(id)}"`);
    expect(log).toContain('canary-cause');
  });

  it('of the contract names the field and quotes no value', async () => {
    const token = await keys.identity('control-plane').token('environment-service');
    const client = grpcClient(EnvironmentQueryController, address, credentials.createInsecure());
    const error = await refused(
      client.get({ value: '' }, { metadata: metadata({ 'x-stigmer-identity': token }) }),
    );
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(statusDetails(error)).toEqual([{ field: 'value', description: expect.any(String) as string }]);
  });

  it('for a service that is down is `unavailable` by its name', async () => {
    const client = serviceClient(EnvironmentVault, {
      address: `127.0.0.1:${await freePort()}`,
      audience: 'environment-service',
      identity: keys.identity('resolver-service'),
    });
    expect(await refused(client.open({ org: 'a' }))).toMatchObject({
      kind: 'unavailable',
      message: 'environment-service is unavailable',
    });
  });
});

describe('a stream', () => {
  it('arrives whole and in order, at the pace of its reader', async () => {
    const names: string[] = [];
    for await (const { metadata } of as('workflow-runner').executions.subscribe({ value: '2000' })) {
      names.push(metadata?.name ?? '');
      if (names.length % 500 === 0) await sleep(20);
    }
    expect(names).toEqual(Array.from({ length: 2000 }, (_, i) => String(i)));
  });

  it('is stopped at its source when the reader leaves', async () => {
    for await (const message of as('workflow-runner').executions.subscribe({ value: 'endless' })) {
      if (message.metadata?.name === '3') break;
    }
    await eventually(() => streams.at(-1)?.aborted === true);
  });

  it('fails as UNAVAILABLE when the service stops, so that its reader subscribes again', async () => {
    const other = `127.0.0.1:${await freePort()}`;
    const running = await startService(other);
    const client = serviceClient(AgentExecutionQueryController, {
      address: other,
      audience: 'environment-service',
      identity: keys.identity('workflow-runner'),
    });
    const read = async () => {
      for await (const message of client.subscribe({ value: 'endless' })) {
        if (message.metadata?.name === '1') void running.close();
      }
    };
    await expect(read()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a call that is under way when the service stops', () => {
  it('is not cut off, and is answered', async () => {
    const other = `127.0.0.1:${await freePort()}`;
    const running = await startService(other);
    const client = serviceClient(EnvironmentVault, {
      address: other,
      audience: 'environment-service',
      identity: keys.identity('resolver-service'),
    });
    const before = seen.length;
    const answer = client.open({ org: 'slow' });
    await eventually(() => seen.length > before);
    const signal = seen.at(-1)?.signal;
    const closed = running.close();
    expect(signal?.aborted).toBe(false);
    slowAnswer.resolve({});
    await answer;
    await closed;
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 6_000 && !condition(); i++) await sleep(10);
  expect(condition()).toBe(true);
}
