import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBenchConfig } from './config';
import { median, type Row } from './figure';
import { mergeRows, table } from './report';
import { runBench } from './run';

const row = (name: string, value: number): Row => ({
  ...{ name, value, unit: 'calls/s', p50_ms: 1, p99_ms: 2, floor: 2 * value, ratio: 0.5 },
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stigmer-bench-spec-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the bench', () => {
  it('measures a figure beside its floor, prints the table and writes well-formed results', async () => {
    const file = join(folder, 'results.json');
    const lines: string[] = [];
    const config = readBenchConfig({ ONLY: 'crypto', SECONDS: '0.1', RUNS: '3' });
    await runBench(config, file, (line) => lines.push(line));
    const rows = JSON.parse(await readFile(file, 'utf8')) as readonly Row[];
    expect(rows).toEqual([
      {
        name: 'crypto.open',
        unit: 'values/s',
        value: expect.any(Number) as number,
        p50_ms: expect.any(Number) as number,
        p99_ms: expect.any(Number) as number,
        floor: expect.any(Number) as number,
        ratio: expect.any(Number) as number,
      },
    ]);
    const [measured] = rows;
    expect(measured?.ratio).toBeCloseTo((measured?.value ?? NaN) / (measured?.floor ?? NaN), 2);
    expect(lines.join('\n')).toMatch(/^\| crypto\.open +\| [\d,]+ +\| values\/s/m);
  });

  it('takes what make hands on as empty for not given', () => {
    const empty = { ONLY: '', SECONDS: '', RUNS: '', ENVIRONMENTS: '', PROFILE: '' };
    expect(readBenchConfig(empty)).toEqual(readBenchConfig({}));
  });

  it('refuses a name that is no figure’s, and says which there are', async () => {
    const config = readBenchConfig({ ONLY: 'nothing' });
    await expect(runBench(config, join(folder, 'none.json'), () => undefined)).rejects.toThrow(
      /resolve, resolve\.apart, explain/,
    );
  });

  it('replaces the rows of what it measured and leaves the others', () => {
    const before = [row('a', 1), row('b', 2)];
    expect(mergeRows(before, [row('b', 3), row('c', 4)])).toEqual([row('a', 1), row('b', 3), row('c', 4)]);
  });

  it('takes the median, between two where their number is even', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow('median');
  });

  it('leaves a cell empty where there is no floor', () => {
    const bare = { ...row('memory', 100), p50_ms: null, p99_ms: null, floor: null, ratio: null };
    expect(table([bare]).split('\n').at(-1)).toMatch(/^\| memory \| 100 +\| calls\/s \| +\| +\| +\| +\|$/);
  });
});
