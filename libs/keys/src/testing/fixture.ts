import { setTimeout as sleep } from 'node:timers/promises';
import { importKey } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { connectMongo } from '@stigmer/mongo';
import { createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { ManagedKeyRing } from '../ring/managed-key-ring';
import { openReplica } from './ring';

const DEADLINE_MS = 90_000;

/** A database per test, and the replicas that a test opens, which its end closes. */
export interface RingFixture {
  readonly connection: Connection;
  replica(...args: Parameters<typeof openReplica>): Promise<ManagedKeyRing>;
}

/** Registers what starts and stops all of it with Jest. */
export function ringFixture(name: string): RingFixture {
  let mongo: EmbeddedServer & { readonly url: string };
  let connection: Connection;
  let databases = 0;
  const replicas: ManagedKeyRing[] = [];
  beforeAll(async () => {
    mongo = await startMongo();
  });
  beforeEach(async () => {
    connection = await connectMongo(mongo.url, `${name}_${databases++}`, createLogger('keys-spec', 'silent'));
  });
  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((opened) => opened.close()));
    await connection.close();
  });
  afterAll(() => mongo.stop());
  return {
    get connection() {
      return connection;
    },
    replica: async (...args) => {
      const opened = await openReplica(...args);
      replicas.push(opened);
      return opened;
    },
  };
}

export const idOf = (key: Buffer): string => importKey(Buffer.from(key)).id;

export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `thing-${String(i).padStart(3, '0')}`);

export async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}
