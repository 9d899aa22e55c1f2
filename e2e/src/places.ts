import { readFile } from 'node:fs/promises';
import mongoose from 'mongoose';
import { historyOf, workflowIds } from './history';
import type { Place } from './leak-search';
import type { Stack } from './stack';

const databases = ['stigmer_environments', 'stigmer_contexts', 'stigmer_control'];

/**
 * Everything that a run could leave a secret in: databases document by document, Redis, Temporal's histories, every
 * file of the stack (logs and the servers' own files among them), and what other processes of the same user can see
 * of the stack's: arguments and environments.
 */
export async function allPlaces(stack: Stack): Promise<readonly Place[]> {
  const places = await Promise.all([
    documents(stack),
    redis(stack),
    histories(stack),
    stack.files().then((files) => files.map(({ name, bytes }) => ({ name: `file ${name}`, bytes }))),
    stack.status().then(({ parts }) => processPlaces(parts)),
  ]);
  return places.flat();
}

async function documents(stack: Stack): Promise<readonly Place[]> {
  const perDatabase = await Promise.all(
    databases.map(async (database) =>
      (await stack.documents(database)).map((document) => ({
        name: `mongodb ${database} ${String(document['_id'])}`,
        bytes: Buffer.from(mongoose.mongo.BSON.serialize(document)),
      })),
    ),
  );
  return perDatabase.flat();
}

async function redis(stack: Stack): Promise<readonly Place[]> {
  const contents = await stack.redisContents();
  return contents.map((bytes, index) => ({ name: `redis entry ${index}`, bytes }));
}

async function histories(stack: Stack): Promise<readonly Place[]> {
  const { temporal } = await stack.status();
  const ids = await workflowIds(temporal);
  return Promise.all(
    ids.map(async (id) => ({ name: `temporal ${id}`, bytes: (await historyOf(temporal, id)).bytes })),
  );
}

/** What any process of the same user can read of these: their arguments and their environment. */
export async function processPlaces(
  processes: readonly { readonly name: string; readonly pid: number }[],
): Promise<readonly Place[]> {
  const files = processes.flatMap(({ name, pid }) =>
    ['cmdline', 'environ'].map((file) => ({ name, pid, file })),
  );
  return Promise.all(
    files.map(async ({ name, pid, file }) => ({
      name: `process ${name} ${file}`,
      bytes: await readFile(`/proc/${pid}/${file}`).catch(() => Buffer.alloc(0)),
    })),
  );
}
