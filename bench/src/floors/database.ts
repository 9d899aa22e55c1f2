import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Bench } from '../bench';
import { baseEnvironment } from '../config';
import type { Load } from '../figure';
import type { BareDatabasePlan, BareOperation } from './bare-database';

/** A stored document, for the floor to copy. */
export interface Stored {
  readonly database: string;
  readonly collection: string;
  readonly id: string;
}

/** What the bare driver does with copies of this document, in a process of its own. */
export async function bareDatabase(
  bench: Bench,
  { database, collection, id }: Stored,
  operations: readonly BareOperation[],
): Promise<Load> {
  const file = join(await bench.folder('bare-database'), 'plan.json');
  const { connections: atATime, seconds } = bench.config;
  const url = await bench.mongo();
  const plan: BareDatabasePlan = { url, database, collection, id, operations, atATime, seconds };
  await writeFile(file, JSON.stringify(plan));
  const child = spawn(process.execPath, [join(__dirname, 'bare-database.js'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...baseEnvironment(), NODE_ENV: 'production' },
  });
  return JSON.parse(await text(child.stdout)) as Load;
}
