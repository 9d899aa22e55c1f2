import { credentials, Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { theStack } from './stack';

/**
 * A client that knows nothing of our code: bytes written by hand after the contract's field numbers, as the deployed
 * clients in other languages send them. No credentials, as in local mode.
 */
describe('a client in another language', () => {
  const stack = theStack();
  let client: Client;

  beforeAll(async () => {
    client = new Client((await stack.status()).gateway, credentials.createInsecure());
  });
  afterAll(() => {
    client.close();
  });

  const call = (path: string, request: Buffer, metadata = new Metadata()): Promise<Buffer> =>
    new Promise((done, fail) => {
      const deadline = Date.now() + 60_000;
      const same = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(path, same, same, request, metadata, { deadline }, (error, answer) => {
        if (error !== null) fail(error);
        else done(answer ?? Buffer.alloc(0));
      });
    });
  const refusal = (path: string, request: Buffer, metadata?: Metadata): Promise<ServiceError> =>
    call(path, request, metadata).then(
      () => Promise.reject(new Error(`${path} was not refused`)),
      (error: unknown) => error as ServiceError,
    );

  it('applies an environment and reads it back by reference, its secret redacted', async () => {
    const secret = 'wire-secret-5d41402abc4b2a76';
    const answer = await call(`${environments}CommandController/apply`, environment('wire-client', secret));
    expect(answer.includes(Buffer.from('env-'))).toBe(true);
    expect(answer.includes(Buffer.from(secret))).toBe(false);
    const read = await call(`${environments}QueryController/getByReference`, reference('wire-client'));
    expect(read.includes(text(1, '********'))).toBe(true);
    expect(read.includes(Buffer.from(secret))).toBe(false);
  });

  it('may send an authorization header, which local mode ignores', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer of-another-deployment');
    const read = await call(
      `${environments}QueryController/getByReference`,
      reference('wire-client'),
      metadata,
    );
    expect(read.length).toBeGreaterThan(0);
  });

  it('reads no secret, whatever identity it claims', async () => {
    const metadata = new Metadata();
    metadata.set('x-stigmer-owner', 'true');
    metadata.set('x-stigmer-identity', 'a-token-of-its-own-making');
    const path = `${environments}QueryController/getSecretValue`;
    const request = Buffer.concat([text(1, 'env-wire-client'), text(2, 'TOKEN')]);
    expect((await refusal(path, request, metadata)).code).toBe(status.PERMISSION_DENIED);
  });

  it('finds no way to the services between services', async () => {
    const error = await refusal('/ai.stigmer.internal.v1.EnvironmentVault/open', text(1, 'default'));
    expect(error.code).toBe(status.UNIMPLEMENTED);
  });

  it('is told what is missing by name and code', async () => {
    const error = await refusal(`${environments}QueryController/getByReference`, reference('no-such-thing'));
    expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'Environment not found: no-such-thing' });
  });
});

const environments = '/ai.stigmer.agentic.environment.v1.Environment';

/** Protobuf by hand: a length-delimited field, and a number. */
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));
const number = (field: number, value: number): Buffer => Buffer.from([field << 3, ...varint(value)]);
const varint = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];

const reference = (slug: string): Buffer => Buffer.concat([text(2, 'default'), number(3, 53), text(4, slug)]);
const environment = (name: string, secret: string): Buffer => {
  const metadata = Buffer.concat([text(1, name), text(4, 'default'), number(5, 2)]);
  const value = Buffer.concat([text(1, secret), number(2, 1)]);
  const entry = Buffer.concat([text(1, 'TOKEN'), bytes(2, value)]);
  return Buffer.concat([
    ...[text(1, 'agentic.stigmer.ai/v1'), text(2, 'Environment')],
    ...[bytes(3, metadata), bytes(4, bytes(2, entry))],
  ]);
};
