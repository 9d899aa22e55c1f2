import { printable } from '../io';

/** Columns under their headings, two spaces apart; the last one is never padded. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((row) => row.map((cell) => printable(cell).replaceAll('\n', ' ')));
  const widths = headings.map((_, column) => Math.max(...lines.map((row) => width(row[column] ?? ''))));
  return lines
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, to: number): string {
  return cell + ' '.repeat(Math.max(0, to - width(cell)));
}

/** How many characters a reader sees: an emoji is one. */
function width(text: string): number {
  return Array.from(GRAPHEMES.segment(text)).length;
}

const GRAPHEMES = new Intl.Segmenter();
