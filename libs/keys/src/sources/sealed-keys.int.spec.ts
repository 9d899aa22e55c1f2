import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { startAws, startMongo } from '@stigmer/embedded';
import { connectMongo } from '@stigmer/mongo';
import { createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { formsOf, printed } from '../testing/canary';
import { startTransit, type TransitServer } from '../testing/transit-server';
import { AwsKms } from './aws-kms';
import type { KeyWrapper } from './key-wrapper';
import { type SealedKey, SealedKeys } from './sealed-keys';
import { VaultTransit } from './vault-transit';

const TRANSIT_KEYS = { 'transit/one': Buffer.alloc(32, 1), 'transit/two': Buffer.alloc(32, 2) };
const silent = createLogger('sealed-keys-spec', 'silent');
let mongo: Awaited<ReturnType<typeof startMongo>>;
let connection: Connection;
let server: TransitServer;
let databases = 0;

beforeAll(async () => {
  mongo = await startMongo();
});
beforeEach(async () => {
  connection = await connectMongo(mongo.url, `sealed_${databases++}`, silent);
  server = await startTransit(TRANSIT_KEYS);
});
afterEach(async () => {
  await server.stop();
  await connection.close();
});
afterAll(async () => {
  await mongo.stop();
});

function transit(key = 'one', { address, token } = server): KeyWrapper {
  return new VaultTransit({ address, token: () => token, mount: 'transit', key });
}

function replica(ring = 'environment', wrapper = transit()): SealedKeys {
  return new SealedKeys(ring, wrapper, connection);
}

const stored = () => connection.collection<SealedKey>('sealed_keys');
const idsOf = async (source: SealedKeys): Promise<readonly string[]> =>
  (await source.load()).map(({ id }) => id);
const refused = (kind: string, ...parts: readonly string[]) => ({
  kind,
  message: expect.stringMatching(new RegExp(parts.join('.*'))),
});

describe('Sealed keys', () => {
  it('are there for every replica in the order of their making, and the database shows nothing of them', async () => {
    const mine = replica();
    expect(await mine.load()).toEqual([]);
    const keys = [await mine.add(), await mine.add()];
    expect(await idsOf(replica())).toEqual(keys.map(({ id }) => id));
    const documents = JSON.stringify(await stored().find({}).toArray());
    for (const form of keys.flatMap(formsOf)) expect(documents).not.toContain(form);
  });

  it('are sealed by AWS KMS as well', async () => {
    const aws = await startAws();
    const variables = { ...process.env };
    Object.assign(process.env, { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: aws.url });
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'spec', AWS_SECRET_ACCESS_KEY: 'spec' });
    const client = new KMSClient({});
    try {
      const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
      const kms = () => new AwsKms(KeyMetadata?.Arn ?? '');
      const { id } = await replica('environment', kms()).add();
      expect(await idsOf(replica('environment', kms()))).toEqual([id]);
      await stored().updateOne({ _id: id }, { $set: { ring: 'context' } });
      await expect(replica('context', kms()).load()).rejects.toMatchObject(
        refused('failed-precondition', id, 'forged', 'aws-kms arn:aws:kms'),
      );
    } finally {
      client.destroy();
      process.env = variables;
      await aws.stop();
    }
  });

  it('tell another replica of a key that was added, and of one that was destroyed', async () => {
    const [mine, theirs] = [replica(), replica()];
    const change = (): Promise<void> =>
      new Promise((resolve) => {
        const end = theirs.watch(() => {
          end();
          resolve();
        });
      });
    await theirs.load();
    const added = change();
    const { id } = await mine.add();
    await added;
    expect(await idsOf(theirs)).toEqual([id]);
    const destroyed = change();
    await mine.destroy(id);
    await destroyed;
    expect(await idsOf(theirs)).toEqual([]);
    expect(await stored().countDocuments({})).toBe(0);
  });

  it('that were loaded stay usable while the key service is down; a start names what it lacks', async () => {
    const running = replica();
    const { id } = await running.add();
    await running.load();
    await server.stop();
    expect(await idsOf(running)).toEqual([id]);
    await expect(replica().load()).rejects.toMatchObject(
      refused('unavailable', id, 'unavailable', 'vault-transit transit/one did not answer'),
    );
    await expect(running.add()).rejects.toMatchObject(refused('unavailable', 'vault-transit transit/one'));
  });

  it('are refused by name when the key service denies them', async () => {
    const { id } = await replica().add();
    const denied = replica('environment', transit('one', { ...server, token: 'wrong' }));
    await expect(denied.load()).rejects.toMatchObject(
      refused('failed-precondition', id, 'denied', 'vault-transit transit/one'),
    );
  });

  it.each([
    ['altered', { sealed: `vault:v1:${Buffer.alloc(60).toString('base64')}` }],
    ['moved to another ring', { ring: 'context' }],
    ['said to be of another wrapper', { wrapper: 'vault-transit transit/two' }],
  ])('that were %s in the database are refused by name', async (_, change) => {
    const { id } = await replica().add();
    await stored().updateOne({ _id: id }, { $set: change });
    const { ring = 'environment', wrapper = '' } = (await stored().findOne({ _id: id })) ?? {};
    const reader = replica(ring, transit(wrapper.slice('vault-transit transit/'.length)));
    await expect(reader.load()).rejects.toMatchObject(refused('failed-precondition', id, 'forged'));
  });

  it('that stand under the fingerprint of another are refused', async () => {
    const { id } = await replica().add();
    const document = await stored().findOne({ _id: id });
    if (document === null) throw new Error('not stored');
    await stored().deleteOne({ _id: id });
    await stored().insertOne({ ...document, _id: '0123456789abcdef' });
    await expect(replica().load()).rejects.toMatchObject(
      refused('failed-precondition', '0123456789abcdef', 'forged'),
    );
  });

  it('of another ring or another wrapper are not its business', async () => {
    const [environments, contexts] = [replica(), replica('context')];
    const moved = replica('environment', transit('two'));
    const [one, two, three] = [await environments.add(), await contexts.add(), await moved.add()];
    expect(await idsOf(environments)).toEqual([one.id]);
    expect(await idsOf(contexts)).toEqual([two.id]);
    expect(await idsOf(moved)).toEqual([three.id]);
    await environments.destroy(two.id);
    await environments.destroy(three.id);
    expect(await stored().countDocuments({})).toBe(3);
  });

  it('open in the form that is frozen', async () => {
    const file = join(__dirname, '../../testdata/sealed-keys.json');
    const frozen = JSON.parse(readFileSync(file, 'utf8')) as Frozen;
    const { mount, name, key } = frozen.transit;
    const old = await startTransit({ [`${mount}/${name}`]: Buffer.from(key, 'hex') });
    try {
      const { created_at, ...document } = frozen.document;
      await stored().insertOne({ ...document, created_at: new Date(created_at) });
      const [opened] = await replica('environment', transit(name, old)).load();
      expect(opened?.id).toBe(frozen.key.id);
      expect(opened?.key.export().toString('base64')).toBe(frozen.key.base64);
    } finally {
      await old.stop();
    }
  });

  it('show no key in what they print or refuse', async () => {
    const source = replica();
    const key = await source.add();
    await source.load();
    await stored().updateOne({ _id: key.id }, { $set: { sealed: 'vault:v1:AAAA' } });
    const errors = await replica()
      .load()
      .catch((error: unknown) => error);
    await server.stop();
    const refusals = [
      errors,
      await replica()
        .load()
        .catch((error: unknown) => error),
    ];
    const text =
      inspect(source, { depth: 1 }) + printed([key, refusals]) + JSON.stringify([key, refusals.map(String)]);
    for (const form of formsOf(key)) expect(text).not.toContain(form);
  });
});

interface Frozen {
  readonly transit: { readonly mount: string; readonly name: string; readonly key: string };
  readonly key: { readonly id: string; readonly base64: string };
  readonly document: Omit<SealedKey, 'created_at'> & { readonly created_at: string };
}
