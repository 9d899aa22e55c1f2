import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Bench } from './bench';
import type { BenchConfig } from './config';
import type { Figure, Row } from './figure';
import { contextCycle, contextReveal } from './figures/context';
import { cryptoOpen } from './figures/crypto';
import { environmentGet, environmentUpdate, environmentWrite } from './figures/environment';
import { gateway } from './figures/gateway';
import { memory } from './figures/memory';
import { million } from './figures/million';
import { explain, growthInKeys, resolve, resolveApart } from './figures/resolve';
import { subscribers } from './figures/subscribers';
import { againstVault } from './figures/vault';
import { describeMachine, mergeRows, table } from './report';

/** In the order of the table. */
const FIGURES: readonly Figure[] = [
  resolve,
  resolveApart,
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
  againstVault,
];

/** Measures what was asked for, prints the table, and writes the rows to `resultsFile` beside those that are there. */
export async function runBench(
  config: BenchConfig,
  resultsFile: string,
  print: (line: string) => void,
): Promise<void> {
  const figures = FIGURES.filter((figure) => wanted(figure, config.only));
  if (figures.length === 0) {
    throw new Error(`ONLY names no figure; there are ${FIGURES.map(({ name }) => name).join(', ')}`);
  }
  const { connections, seconds, runs } = config;
  print(`${describeMachine()}\n${connections} connections, ${seconds} s, median of ${runs}\n`);
  const rows: Row[] = [];
  for (const figure of figures) {
    process.stderr.write(`measuring ${figure.name} …\n`);
    rows.push(...(await measure(config, figure)));
    const before = existsSync(resultsFile)
      ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as readonly Row[])
      : [];
    writeFileSync(resultsFile, `${JSON.stringify(mergeRows(before, rows), undefined, 2)}\n`);
  }
  print(table(rows));
}

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
