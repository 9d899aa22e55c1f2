import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import { type Connection, createConnection, Error as MongooseError, mongo } from 'mongoose';

const RETRY_MS = 1_000;
const OPTIONS = {
  serverSelectionTimeoutMS: 2_000,
  socketTimeoutMS: 10_000,
  // Without a connection an operation fails within the selection timeout instead of queueing in memory.
  bufferCommands: false,
  // Binary fields come as Buffers; without it lean documents carry BSON's own class.
  promoteBuffers: true,
  // Collections and indexes are made once, before anything is served, and not beside the first writes.
  autoCreate: false,
  autoIndex: false,
} as const;

/** Connects to a database, waiting for a server that is not up yet: services start in any order. */
export async function connectMongo(url: string, dbName: string, log: Logger): Promise<Connection> {
  for (;;) {
    try {
      return await createConnection(url, { ...OPTIONS, dbName }).asPromise();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      // The URL may hold a password, and the driver's message quotes hosts: neither is logged.
      log.warn('waiting for MongoDB');
      await sleep(RETRY_MS);
    }
  }
}

/** Runs a database operation; a database that cannot be reached is UNAVAILABLE, which callers retry. */
export async function withMongo<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw isUnreachable(error) ? unavailable('the database is unavailable', [], { cause: error }) : error;
  }
}

/** Whether a write was refused because a unique index already has this key. */
export function isDuplicate(error: unknown): error is mongo.MongoServerError {
  return error instanceof mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

const DUPLICATE_KEY = 11_000;

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof mongo.MongoNetworkError ||
    error instanceof mongo.MongoServerSelectionError ||
    error instanceof mongo.MongoNotConnectedError ||
    error instanceof MongooseError.MongooseServerSelectionError ||
    isBrokenSocket(error)
  );
}

// A connection that breaks while a command is being written ends with the socket's own error: the driver passes that on.
// By its shape and not by its class: an error of Node's own is no instance of the `Error` of another realm.
function isBrokenSocket(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && BROKEN_SOCKET.has(error.code);
}

const BROKEN_SOCKET: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT']);
