import mongoose from 'mongoose';

type Raw = Readonly<Record<string, unknown>>;

/** The documents of some databases, by database and collection: what `mongodump` writes, without its tool. */
export type Backup = ReadonlyMap<string, ReadonlyMap<string, readonly Raw[]>>;

/** What docs/operations.md says to back up. */
export const BACKED_UP = ['stigmer_environments', 'stigmer_control'] as const;

/** Copies databases as they are, types and all. */
export async function dump(url: string, databases: readonly string[]): Promise<Backup> {
  return withClient(url, async (client) => {
    const entries = databases.map(async (name) => {
      const database = client.db(name);
      const collections = await database.listCollections().toArray();
      const dumped = collections.map(
        async ({ name: collection }) =>
          [collection, await database.collection(collection).find({}).toArray()] as const,
      );
      return [name, new Map(await Promise.all(dumped))] as const;
    });
    return new Map(await Promise.all(entries));
  });
}

/** Puts a copy back into databases that lack what it has. */
export async function restore(url: string, backup: Backup): Promise<void> {
  await withClient(url, async (client) => {
    for (const [name, collections] of backup) {
      for (const [collection, documents] of collections) {
        if (documents.length > 0)
          await client
            .db(name)
            .collection(collection)
            .insertMany([...documents]);
      }
    }
  });
}

async function withClient<T>(
  url: string,
  work: (client: mongoose.mongo.MongoClient) => Promise<T>,
): Promise<T> {
  // Numbers stay what BSON knows them as; otherwise a long would come back as a double.
  const options = { promoteValues: false, serverSelectionTimeoutMS: 30_000 };
  const client = await new mongoose.mongo.MongoClient(url, options).connect();
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
