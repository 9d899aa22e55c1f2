import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readInput } from './input';

describe('--input', () => {
  const stdin = (text = '') => Readable.from([text]);

  it.each<[string, unknown]>([
    ['{"a": 1}', { a: 1 }],
    ['[1, 2]', [1, 2]],
    ['"text"', 'text'],
    ['42', 42],
    ['null', null],
  ])('takes JSON as it stands: %s', async (input, value) => {
    expect(await readInput(input, stdin())).toEqual(value);
  });

  it('takes a JSON or YAML file, and the standard input', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
    try {
      await writeFile(join(folder, 'input.yaml'), 'a: [1, b]\n');
      expect(await readInput(join(folder, 'input.yaml'), stdin())).toEqual({ a: [1, 'b'] });
      expect(await readInput('-', stdin('{"a": 2}'))).toEqual({ a: 2 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what is wrong without quoting it', async () => {
    await expect(readInput('{"token": "hunter2"', stdin())).rejects.toThrow(/^--input is not valid JSON$/);
    await expect(readInput('no-such-file.json', stdin())).rejects.toThrow(
      'neither JSON nor a file that can be read: there is no such file',
    );
    await expect(readInput('-', stdin('a: 1\n---\nb: 2\n'))).rejects.toThrow('one value');
    await expect(readInput('-', stdin('a: "hunter2'))).rejects.toThrow(
      /^the standard input:1:\d+: malformed YAML: [^h]/,
    );
  });
});
