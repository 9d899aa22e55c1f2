/**
 * The bare driver at work on the database: so many rounds at a time, for some seconds. Runs as a process, as a service
 * would: `node bare-database.js <plan.json>` prints one measurement as JSON.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import mongoose from 'mongoose';

/** What to do with copies of one stored document. */
export interface BareDatabasePlan {
  readonly url: string;
  readonly database: string;
  /** Where the document is that is copied; the collections of the copies and of their revisions get the same indexes. */
  readonly collection: string;
  readonly id: string;
  /** One round, in order. */
  readonly operations: readonly BareOperation[];
  readonly atATime: number;
  readonly seconds: number;
}

/** `read` is of the document itself; the others are of the round's own copy. */
export type BareOperation =
  'read' | 'insert' | 'read-copy' | 'unset' | 'delete' | 'insert-revision' | 'replace';

type Stored = Record<string, unknown> & { readonly _id: string };
type Collections = Readonly<Record<'source' | 'copies' | 'revisions', mongoose.mongo.Collection<Stored>>>;

const REVISIONS = 'revisions';
const MAJORITY = { writeConcern: { w: 'majority' } } as const;
/** The columns that unique indexes are on. */
const UNIQUE = ['slug', 'execution_id'] as const;

async function operate(
  operation: BareOperation,
  { source, copies, revisions }: Collections,
  sourceId: string,
  copy: Stored,
): Promise<void> {
  const filter = { _id: copy._id };
  switch (operation) {
    case 'read':
      await source.findOne({ _id: sourceId });
      return;
    case 'insert':
      await copies.insertOne(copy);
      return;
    case 'read-copy':
      await copies.findOne(filter);
      return;
    case 'unset':
      await copies.updateOne(filter, { $unset: { crypto: 1 } }, MAJORITY);
      return;
    case 'delete':
      await copies.deleteOne(filter, MAJORITY);
      return;
    case 'insert-revision': {
      const id = randomUUID();
      await revisions.insertOne({ ...copy, _id: id, lineage: id });
      return;
    }
    case 'replace':
      // Never by the same: a database writes nothing where nothing changes.
      await copies.replaceOne(filter, { ...copy, changed: randomUUID() });
  }
}

function copyOf(document: Stored): Stored {
  const id = randomUUID();
  const names = Object.fromEntries(UNIQUE.filter((name) => name in document).map((name) => [name, id]));
  return { ...document, ...names, _id: id };
}

async function measure(plan: BareDatabasePlan, collections: Collections, document: Stored) {
  const took: number[] = [];
  const begin = performance.now() + Math.min(1_000, plan.seconds * 1_000);
  const end = begin + plan.seconds * 1_000;
  const replacing = plan.operations.includes('replace');
  const worker = async (): Promise<void> => {
    const own = copyOf(document);
    if (replacing) await collections.copies.insertOne(own);
    while (performance.now() < end) {
      const copy = replacing ? own : copyOf(document);
      const started = performance.now();
      for (const operation of plan.operations) await operate(operation, collections, plan.id, copy);
      const ended = performance.now();
      if (started > begin && ended < end) took.push(ended - started);
    }
  };
  await Promise.all(Array.from({ length: plan.atATime }, worker));
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(share * took.length)] ?? 0;
  return { rate: took.length / plan.seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function copyIndexes(
  from: mongoose.mongo.Collection<Stored>,
  to: mongoose.mongo.Collection<Stored>,
): Promise<void> {
  const indexes = (await from.indexes()).filter(({ name }) => name !== '_id_');
  if (indexes.length > 0) await to.createIndexes(indexes);
}

async function main(file: string): Promise<void> {
  const plan = JSON.parse(readFileSync(file, 'utf8')) as BareDatabasePlan;
  const client = await mongoose.mongo.MongoClient.connect(plan.url);
  try {
    const database = client.db(plan.database);
    const source = database.collection<Stored>(plan.collection);
    const floor = client.db(`${plan.database}_floor`);
    const copies = floor.collection<Stored>(plan.collection);
    const revisions = floor.collection<Stored>(REVISIONS);
    await copyIndexes(source, copies);
    if (plan.operations.includes('insert-revision'))
      await copyIndexes(database.collection<Stored>(REVISIONS), revisions);
    const document = await source.findOne({ _id: plan.id });
    if (document === null) throw new Error('there is no document to copy');
    const collections = { source, copies, revisions };
    process.stdout.write(JSON.stringify(await measure(plan, collections, document)));
    await floor.dropDatabase();
  } finally {
    await client.close();
  }
}

if (require.main === module) void main(process.argv[2] ?? '');
