import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { unavailable } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import { type Connection, createConnection, mongo } from 'mongoose';

const NAME = 'stigmer_control';
/** How long a call waits for a database that is not there before it says UNAVAILABLE. */
const PATIENCE_MS = 2_000;
const RECONNECT_MS = 500;

/** The connection to MongoDB. Services start in any order, so it is made in the background and found missing per call. */
export class Database implements OnModuleInit, OnModuleDestroy {
  readonly connection: Connection = createConnection();
  private ready = false;
  private closed = false;
  private connecting: Promise<void> = Promise.resolve();

  constructor(
    private readonly url: string,
    private readonly log: Logger,
  ) {}

  onModuleInit(): void {
    this.connecting = this.connect();
  }

  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    await this.connecting;
    await this.connection.close();
  }

  /** Runs a query; a database that cannot be reached is UNAVAILABLE, which callers repeat. */
  async run<T>(query: () => Promise<T>): Promise<T> {
    if (!this.ready) await this.waitUntilReady();
    try {
      return await query();
    } catch (error) {
      if (isUnreachable(error))
        throw unavailable('the database cannot be reached; try again', [], { cause: error });
      throw error;
    }
  }

  /** No write before the unique indexes exist: they are what makes a slug unique. */
  private async connect(): Promise<void> {
    while (!this.closed) {
      try {
        await this.connection.openUri(this.url, {
          dbName: NAME,
          serverSelectionTimeoutMS: PATIENCE_MS,
          autoIndex: false,
          promoteBuffers: true,
        });
        await Promise.all(Object.values(this.connection.models).map((model) => model.createIndexes()));
        this.ready = true;
        return;
      } catch (error) {
        this.log.warn({ err: error }, 'the database cannot be reached yet');
        await sleep(RECONNECT_MS);
      }
    }
  }

  private async waitUntilReady(): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    while (!this.ready) {
      if (Date.now() > until) throw unavailable('the database cannot be reached; try again');
      await sleep(20);
    }
  }
}

/** Whether an insert met a document of the same id, or of the same slug. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === 11_000;
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof mongo.MongoNetworkError ||
    error instanceof mongo.MongoServerSelectionError ||
    error instanceof mongo.MongoTopologyClosedError ||
    error instanceof mongo.MongoNotConnectedError
  );
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
