import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { connectMongo, withMongo } from '@stigmer/mongo';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';

const NAME = 'stigmer_control';

/** The connection to MongoDB; closed only after everything that uses it has stopped. */
export class Database implements OnModuleInit, OnApplicationShutdown {
  private constructor(readonly connection: Connection) {}

  /** Resolves when the database is there: services start in any order. */
  static async connect(url: string, log: Logger): Promise<Database> {
    return new Database(await connectMongo(url, NAME, log));
  }

  /** Before anything is served: the unique indexes are what makes an id and a slug unique. */
  async onModuleInit(): Promise<void> {
    for (const model of Object.values(this.connection.models)) {
      await this.run(() => model.createCollection());
      await this.run(() => model.createIndexes());
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }

  /** Runs a query; a database that cannot be reached is UNAVAILABLE, which callers repeat. */
  run<T>(query: () => Promise<T>): Promise<T> {
    return withMongo(query);
  }
}
