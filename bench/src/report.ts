import { cpus, totalmem } from 'node:os';
import type { Row } from './figure';

/** The machine that was measured, in one line. */
export function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} × ${processors[0]?.model ?? 'unknown'}, ${memory} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
}

/** The rows as a table of Markdown, which docs/performance.md takes as it is. */
export function table(rows: readonly Row[]): string {
  const head = ['figure', 'value', 'unit', 'p50 ms', 'p99 ms', 'floor', 'ratio'];
  const cells = rows.map(({ name, value, unit, p50_ms, p99_ms, floor, ratio }) => [
    name,
    number(value),
    unit,
    number(p50_ms),
    number(p99_ms),
    number(floor),
    ratio === null ? '' : ratio.toFixed(2),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...cells.map(line)].join('\n');
}

/** Rows by name: a run of a few figures leaves those of earlier runs as they were. */
export function mergeRows(before: readonly Row[], now: readonly Row[]): readonly Row[] {
  const measured = new Map(now.map((row) => [row.name, row]));
  const kept = before.map((row) => measured.get(row.name) ?? row);
  const known = new Set(before.map(({ name }) => name));
  return [...kept, ...now.filter(({ name }) => !known.has(name))];
}

function number(value: number | null): string {
  if (value === null) return '';
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(value);
}
