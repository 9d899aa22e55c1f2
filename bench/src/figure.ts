import type { Bench } from './bench';

/** What one measurement found. */
export interface Load {
  /** Per second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One line of the table, and of results.json. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  /** The same unit: what the same run measured for the bare parts on the same messages. */
  readonly floor: number | null;
  readonly ratio: number | null;
}

/** Something that is measured; it may give several lines. */
export interface Figure {
  readonly name: string;
  /** Takes minutes: only on request. */
  readonly slow?: boolean;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** What is measured, and what the bare parts do. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly measure: () => Promise<Load>;
  readonly floor: () => Promise<Load>;
}

/** Both in turn, so that a machine that slows down slows both down; the median of the runs. */
export async function compare(bench: Bench, { name, unit, measure, floor }: Comparison): Promise<Row> {
  const loads: Load[] = [];
  const floors: Load[] = [];
  for (let run = 0; run < bench.config.runs; run++) {
    floors.push(await floor());
    loads.push(await measure());
  }
  return rowOf(name, unit, medianLoad(loads), medianLoad(floors).rate);
}

export function rowOf(name: string, unit: string, load: Load, floor?: number): Row {
  return {
    name,
    value: rounded(load.rate),
    unit,
    p50_ms: rounded(load.p50Ms),
    p99_ms: rounded(load.p99Ms),
    floor: floor === undefined ? null : rounded(floor),
    ratio: floor === undefined ? null : rounded(load.rate / floor),
  };
}

export function medianLoad(loads: readonly Load[]): Load {
  return {
    rate: median(loads.map(({ rate }) => rate)),
    p50Ms: median(loads.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(loads.map(({ p99Ms }) => p99Ms)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error('there is no median of nothing');
  return (low + high) / 2;
}

/** Three digits are more than a measurement has. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
