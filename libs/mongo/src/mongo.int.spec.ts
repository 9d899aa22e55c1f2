import { startMongo } from '@stigmer/embedded';
import { createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { connectMongo, isDuplicate, withMongo } from './mongo';

const log = createLogger('mongo-spec', 'silent');

describe('a service’s database', () => {
  let mongo: Awaited<ReturnType<typeof startMongo>>;
  let connection: Connection;

  beforeAll(async () => {
    mongo = await startMongo();
    connection = await connectMongo(mongo.url, 'mongo_spec', log);
  });
  afterAll(async () => {
    await connection.close();
    await mongo.stop();
  });

  it('says of a write whether a unique index refused it', async () => {
    const collection = connection.collection<{ readonly _id: string }>('things');
    await collection.insertOne({ _id: 'one' });
    const again = collection.insertOne({ _id: 'one' });
    const refusal: unknown = await again.catch((error: unknown) => error);
    expect(isDuplicate(refusal)).toBe(true);
    expect(isDuplicate(new Error('something else'))).toBe(false);
  });

  it('is UNAVAILABLE once its server is gone', async () => {
    const lonely = await startMongo();
    const gone = await connectMongo(lonely.url, 'mongo_spec', log);
    await lonely.stop();
    const read = withMongo(() => gone.collection('things').findOne({}));
    await expect(read).rejects.toMatchObject({ kind: 'unavailable' });
    await gone.close();
  });
});
