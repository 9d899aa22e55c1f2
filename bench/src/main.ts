/** `make bench`: measures, prints the table and writes bench/results.json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Bench } from './bench';
import { readBenchConfig, type BenchConfig } from './config';
import type { Figure, Row } from './figure';
import { contextCycle, contextReveal } from './figures/context';
import { cryptoOpen } from './figures/crypto';
import { environmentGet, environmentUpdate, environmentWrite } from './figures/environment';
import { gateway } from './figures/gateway';
import { memory } from './figures/memory';
import { million } from './figures/million';
import { explain, growthInKeys, resolve } from './figures/resolve';
import { subscribers } from './figures/subscribers';
import { describeMachine, mergeRows, table } from './report';

const RESULTS = join(dirname(__dirname), 'results.json');

/** In the order of the table. */
const FIGURES: readonly Figure[] = [
  resolve,
  explain,
  growthInKeys,
  environmentGet,
  environmentWrite,
  environmentUpdate,
  contextReveal,
  contextCycle,
  gateway,
  cryptoOpen,
  subscribers,
  memory,
  million,
];

/** Each figure on fresh servers, so that none is measured on what another one left in a database or a heap. */
async function measure(config: BenchConfig, figure: Figure): Promise<readonly Row[]> {
  await using bench = new Bench(config);
  return await figure.run(bench);
}

/** A whole name means that figure; the beginning of names means all of them. */
function wanted({ name, slow = false }: Figure, only: readonly string[]): boolean {
  if (only.length === 0) return !slow;
  return only.some((asked) =>
    FIGURES.some((figure) => figure.name === asked) ? name === asked : name.startsWith(`${asked}.`),
  );
}

async function main(): Promise<void> {
  const config = readBenchConfig();
  const figures = FIGURES.filter((figure) => wanted(figure, config.only));
  if (figures.length === 0) {
    throw new Error(`ONLY names no figure; there are ${FIGURES.map(({ name }) => name).join(', ')}`);
  }
  const { connections, seconds, runs } = config;
  console.log(`${describeMachine()}\n${connections} connections, ${seconds} s, median of ${runs}\n`);
  const rows: Row[] = [];
  for (const figure of figures) {
    process.stderr.write(`measuring ${figure.name} …\n`);
    rows.push(...(await measure(config, figure)));
  }
  console.log(table(rows));
  const before = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as readonly Row[]) : [];
  writeFileSync(RESULTS, `${JSON.stringify(mergeRows(before, rows), undefined, 2)}\n`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
