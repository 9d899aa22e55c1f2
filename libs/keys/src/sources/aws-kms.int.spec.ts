import { randomBytes } from 'node:crypto';
import { CreateAliasCommand, CreateKeyCommand, DecryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { startAws } from '@stigmer/embedded';
import { formsOf, printed } from '../testing/canary';
import { AwsKms } from './aws-kms';
import { type KeyContext, KeyWrapperError } from './key-wrapper';

const here: KeyContext = { ring: 'environment', kid: '0123456789abcdef' };
const SECRET = 'canaryAWSsecret0123456789canary012345678';
const variables = { ...process.env };
let aws: Awaited<ReturnType<typeof startAws>>;
let client: KMSClient;
let keyId: string;
let otherKeyId: string;

async function createKey(): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  return KeyMetadata?.Arn ?? '';
}

beforeAll(async () => {
  aws = await startAws();
  // As an operator configures it: the SDK reads its own variables.
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: aws.url,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: SECRET,
  });
  client = new KMSClient({});
  [keyId, otherKeyId] = [await createKey(), await createKey()];
  await client.send(new CreateAliasCommand({ AliasName: 'alias/stigmer', TargetKeyId: keyId }));
});
afterAll(async () => {
  client.destroy();
  process.env = variables;
  await aws.stop();
});

async function failureOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof KeyWrapperError) return error.failure;
    throw error;
  }
  return 'opened';
}

describe('AWS KMS, at the moto server', () => {
  it('unwraps what it wrapped, by ARN and by alias', async () => {
    const key = randomBytes(32);
    const sealed = await new AwsKms(keyId).wrap(key, here);
    expect(await new AwsKms(keyId).unwrap(sealed, here)).toEqual(key);
    expect(await new AwsKms('alias/stigmer').unwrap(sealed, here)).toEqual(key);
    expect(await new AwsKms(keyId).wrap(key, here)).not.toBe(sealed);
  });

  it('binds the ring and the fingerprint in an encryption context that is frozen', async () => {
    const key = randomBytes(32);
    const sealed = await new AwsKms(keyId).wrap(key, here);
    const { Plaintext } = await client.send(
      new DecryptCommand({
        CiphertextBlob: Buffer.from(sealed, 'base64'),
        EncryptionContext: { 'stigmer:ring': 'environment', 'stigmer:kid': '0123456789abcdef' },
      }),
    );
    expect(Buffer.from(Plaintext ?? [])).toEqual(key);
  });

  it('refuses what was sealed for another ring or fingerprint, and what was altered', async () => {
    const kms = new AwsKms(keyId);
    const sealed = await kms.wrap(randomBytes(32), here);
    expect(await failureOf(kms.unwrap(sealed, { ...here, ring: 'context' }))).toBe('forged');
    expect(await failureOf(kms.unwrap(sealed, { ...here, kid: 'fedcba9876543210' }))).toBe('forged');
    const bytes = Buffer.from(sealed, 'base64');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    expect(await failureOf(kms.unwrap(bytes.toString('base64'), here))).toBe('forged');
  });

  it('names the key that it expects, so that the ciphertext of another key is refused', async () => {
    const sealed = await new AwsKms(otherKeyId).wrap(randomBytes(32), here);
    // AWS answers IncorrectKeyException, which is `forged`; moto knows no such answer and denies.
    expect(await failureOf(new AwsKms(keyId).unwrap(sealed, here))).toBe('denied');
  });

  it('is denied with a key that is not there, and with credentials that nobody knows', async () => {
    const gone = keyId.replace(/[^/]+$/, '00000000-0000-0000-0000-000000000000');
    expect(await failureOf(new AwsKms(gone).wrap(randomBytes(32), here))).toBe('denied');
    // From here on moto checks credentials, which it does not otherwise.
    const authorize = (after: string) =>
      fetch(`${aws.url}/moto-api/reset-auth`, { method: 'POST', body: after });
    await authorize('0');
    try {
      expect(await failureOf(new AwsKms(keyId).wrap(randomBytes(32), here))).toBe('denied');
    } finally {
      await authorize('inf');
    }
    expect(await failureOf(new AwsKms(keyId).wrap(randomBytes(32), here))).toBe('opened');
  });

  it('is denied without credentials', async () => {
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = process.env;
    delete process.env['AWS_ACCESS_KEY_ID'];
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      const asked = failureOf(new AwsKms(keyId).wrap(randomBytes(32), here));
      expect(await asked).toBe('denied');
    } finally {
      delete process.env['AWS_EC2_METADATA_DISABLED'];
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });
    }
  });

  it('is unavailable when nobody listens, and shows neither a key nor a credential in an error', async () => {
    const key = randomBytes(32);
    process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:1';
    try {
      const kms = new AwsKms(keyId);
      const error: unknown = await kms.wrap(key, here).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ failure: 'unavailable', message: expect.stringContaining(keyId) });
      const text = printed([error, kms]);
      for (const form of [...formsOf(key), SECRET]) expect(text).not.toContain(form);
    } finally {
      process.env['AWS_ENDPOINT_URL'] = aws.url;
    }
  });
});
