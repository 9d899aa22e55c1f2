import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { startAws, startMongo } from '@stigmer/embedded';
import { connectMongo } from '@stigmer/mongo';
import { createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { eventually } from '../testing/fixture';
import { opens, openReplica, Things } from '../testing/ring';
import { AwsKms } from './aws-kms';
import { type SealedKey, SealedKeys } from './sealed-keys';

const variables = { ...process.env };
const ids = ['thing-1', 'thing-2', 'thing-3'];
let mongo: Awaited<ReturnType<typeof startMongo>>;
let aws: Awaited<ReturnType<typeof startAws>>;
let connection: Connection;
let client: KMSClient;
let keyId: string;

beforeAll(async () => {
  [mongo, aws] = await Promise.all([startMongo(), startAws()]);
  Object.assign(process.env, { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: aws.url });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'spec', AWS_SECRET_ACCESS_KEY: 'spec' });
  connection = await connectMongo(mongo.url, 'sealed_ring', createLogger('sealed-ring-spec', 'silent'));
  client = new KMSClient({});
  keyId = (await client.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
});
afterAll(async () => {
  client.destroy();
  process.env = variables;
  await connection.close();
  await Promise.all([mongo.stop(), aws.stop()]);
});

const replica = () =>
  openReplica({ connection, source: new SealedKeys('environment', new AwsKms(keyId), connection) });
const sealed = () => connection.collection<SealedKey>('sealed_keys').find({}).toArray();

describe('A ring whose keys AWS KMS seals', () => {
  it('makes its first key, rotates it with its replicas, and does not start when KMS denies it', async () => {
    const things = new Things(connection);
    const [one, other] = [await replica(), await replica()];
    try {
      const first = one.current.active.id;
      expect((await sealed()).map(({ _id, wrapper }) => [_id, wrapper])).toEqual([
        [first, `aws-kms ${keyId}`],
      ]);
      expect(other.current.active.id).toBe(first);
      await things.insert(one.current, ids);

      const { keys } = await one.add();
      const second = keys.find(({ id }) => id !== first)?.id ?? '';
      await one.promote(second);
      expect(other.current.active.id).toBe(second);
      await one.rewrap();
      await eventually(
        'the re-wrap is finished',
        async () => (await one.status()).rewrap?.finished_at !== undefined,
      );
      await one.retire(first);
      expect((await sealed()).map(({ _id }) => _id)).toEqual([second]);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }

    const restarted = await replica();
    try {
      for (const id of ids) expect(opens(restarted.current, id, await things.header(id))).toBe(true);
    } finally {
      await restarted.close();
    }

    // From here on moto checks credentials, which it does not otherwise.
    await fetch(`${aws.url}/moto-api/reset-auth`, { method: 'POST', body: '0' });
    const [needed] = await sealed();
    await expect(replica()).rejects.toThrow(
      `the encryption key ${needed?._id ?? 'none'} could not be unwrapped (denied): aws-kms ${keyId}`,
    );
  });
});
