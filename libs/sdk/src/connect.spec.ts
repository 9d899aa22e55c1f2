import * as grpc from '@grpc/grpc-js';
import { DomainError, unavailable } from '@stigmer/domain';
import { serviceDefinition } from '@stigmer/proto';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { connect, type ConnectOptions, type Stigmer } from './connect';
import { toStatus } from './errors';

type Unary = grpc.handleUnaryCall<unknown, unknown>;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A gateway whose environments behave as told. */
async function gateway(
  { command = {}, query = {}, executions = {} }: Readonly<Record<string, grpc.UntypedServiceImplementation>>,
  options: Omit<ConnectOptions, 'address'> = {},
): Promise<Stigmer> {
  const server = new grpc.Server();
  server.addService(serviceDefinition(EnvironmentCommandController), command);
  server.addService(serviceDefinition(EnvironmentQueryController), query);
  server.addService(serviceDefinition(AgentExecutionQueryController), executions);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  const stigmer = connect({ address: `127.0.0.1:${port}`, ...options });
  stops.push(() => {
    stigmer.close();
    server.forceShutdown();
  });
  return stigmer;
}

const refuse =
  (error: DomainError): Unary =>
  (_call, done) => {
    done(toStatus(error));
  };

test("a kind's commands and queries are one client", async () => {
  const answer =
    (name: string): Unary =>
    (_call, done) => {
      done(null, { metadata: { name } });
    };
  const { environments } = await gateway({
    command: { apply: answer('applied') },
    query: { get: answer('got') },
  });
  await expect(environments.apply({})).resolves.toMatchObject({ metadata: { name: 'applied' } });
  await expect(environments.get({ value: 'x' })).resolves.toMatchObject({ metadata: { name: 'got' } });
});

test('what a caller can act on is thrown as a DomainError', async () => {
  const error = new DomainError('invalid-argument', 'not so', [{ field: 'spec', description: 'why' }]);
  const { environments } = await gateway({ command: { apply: refuse(error) } });
  await expect(environments.apply({})).rejects.toMatchObject({
    name: 'DomainError',
    kind: 'invalid-argument',
    message: 'not so',
    violations: error.violations,
  });
});

test('so is what ends a stream', async () => {
  const subscribe = (call: grpc.ServerWritableStream<unknown, unknown>) => {
    call.emit('error', toStatus(new DomainError('not-found', 'AgentExecution not found: x')));
  };
  const { agentExecutions } = await gateway({ executions: { subscribe } });
  await expect(
    agentExecutions.subscribe({ value: 'x' })[Symbol.asyncIterator]().next(),
  ).rejects.toMatchObject({
    kind: 'not-found',
    message: 'AgentExecution not found: x',
  });
});

test('a gateway that is not there is unavailable', async () => {
  const stigmer = connect({ address: '127.0.0.1:1' });
  stops.push(() => {
    stigmer.close();
  });
  await expect(stigmer.environments.apply({})).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a read survives a gateway that is away for a moment, a write does not repeat itself', async () => {
  const calls = { get: 0, apply: 0 };
  const flaky =
    (rpc: keyof typeof calls): Unary =>
    (_call, done) => {
      calls[rpc] += 1;
      if (calls[rpc] === 1) done(toStatus(unavailable('not now')));
      else done(null, {});
    };
  const { environments } = await gateway({
    query: { get: flaky('get') },
    command: { apply: flaky('apply') },
  });
  await environments.get({ value: 'x' });
  await expect(environments.apply({})).rejects.toMatchObject({ kind: 'unavailable' });
  expect(calls).toEqual({ get: 2, apply: 1 });
});

describe('the local token', () => {
  const tokens: Unary = (call, done) => {
    done(null, { kind: call.metadata.get('x-stigmer-local-token').join() });
  };

  test('goes with every call of a client that has it', async () => {
    const { environments } = await gateway({ query: { get: tokens } }, { localToken: 'the token' });
    await expect(environments.get({ value: 'x' })).resolves.toMatchObject({ kind: 'the token' });
  });

  test('goes with none of a client that has not', async () => {
    const { environments } = await gateway({ query: { get: tokens } });
    await expect(environments.get({ value: 'x' })).resolves.toMatchObject({ kind: '' });
  });

  test.each([
    '10.0.0.1:7234',
    'stigmer.example:7234',
    '127.0.0.1.example.com:7234',
    'localhost.example:7234',
  ])('is not sent to %s in plaintext', (address) => {
    expect(() => connect({ address, localToken: 'the token' })).toThrow(DomainError);
  });

  test.each(['127.0.0.1:7234', '[::1]:7234', 'localhost:7234'])('may be sent to %s', (address) => {
    const stigmer = connect({ address, localToken: 'the token' });
    stops.push(() => {
      stigmer.close();
    });
  });
});

test('a call ends at the deadline of the connection', async () => {
  const { environments } = await gateway({ query: { get: () => undefined } }, { deadlineMs: 50 });
  await expect(environments.get({ value: 'x' })).rejects.toMatchObject({
    code: grpc.status.DEADLINE_EXCEEDED,
  });
});

test('an org that is not named is the default one', () => {
  const named = connect({ address: 'localhost:1', org: 'acme' });
  const unnamed = connect({ address: 'localhost:1' });
  stops.push(() => {
    named.close();
    unnamed.close();
  });
  expect([named.org, unnamed.org]).toEqual(['acme', 'default']);
});
