import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TESTDATA = join(__dirname, '../../testdata');

/**
 * One test for each folder of `testdata/<suite>`: what `actual` makes of the input is compared with
 * `expected.json`. `UPDATE=1` rewrites the expectations; read the diff before you commit it.
 */
export function goldenCases(suite: string, input: string, actual: (text: string) => unknown): void {
  const folder = join(TESTDATA, suite);
  test.each(readdirSync(folder))('%s', (name) => {
    const result: unknown = actual(readFileSync(join(folder, name, input), 'utf8'));
    const expectation = join(folder, name, 'expected.json');
    if (process.env['UPDATE'] === '1') writeFileSync(expectation, `${JSON.stringify(result, null, 2)}\n`);
    expect(JSON.parse(JSON.stringify(result))).toEqual(JSON.parse(readFileSync(expectation, 'utf8')));
  });
}

/** The error that a call throws, in the form the golden files keep; undefined where it throws none. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}
