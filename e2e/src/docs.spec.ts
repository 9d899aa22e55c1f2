import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { repository } from './stigmer';

/** A link as Markdown has it: its text without escapes, and the file it leads to. */
interface Link {
  readonly text: string;
  readonly file: string;
}

const read = (page: string): Promise<string> => readFile(join(repository, page), 'utf8');

function linksOf(page: string, text: string): readonly Link[] {
  return [...text.matchAll(/\[((?:[^[\]\\]|\\.)*)\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, label = '', target = '']) => ({ text: label.replaceAll(/\\(.)/g, '$1'), target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .map(({ text: label, target }) => ({
      text: label,
      file: relative(repository, join(repository, dirname(page), target)),
    }));
}

const isProof = ({ text, file }: Link): boolean => file.endsWith('.spec.ts') && !text.endsWith('.spec.ts');

/** Rows of the page's tables, without the lines that head them. */
const rowsOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line, index, lines) => line.startsWith('| ') && !/^\|[-|]+$/.test(lines[index + 1] ?? ''));

describe('the documentation', () => {
  it('links to files that exist', async () => {
    const docs = await readdir(join(repository, 'docs'), { recursive: true });
    const pages = [
      ...docs.map((name) => `docs/${name}`),
      ...['README.md', 'CONTRIBUTING.md', 'k8s/README.md', 'examples/README.md'],
    ].filter((page) => page.endsWith('.md'));
    const links = await Promise.all(pages.map(async (page) => linksOf(page, await read(page))));
    expect(links.flat().length).toBeGreaterThan(100);
    expect(links.flat().filter(({ file }) => !existsSync(join(repository, file)))).toEqual([]);
  });

  it.each(['docs/errors.md', 'docs/invariants.md'])(
    '%s names tests that exist, each by its title',
    async (page) => {
      const proofs = linksOf(page, await read(page)).filter(isProof);
      expect(proofs.length).toBeGreaterThan(20);
      const missing = await Promise.all(
        proofs.map(async ({ text, file }) => ((await hasTest(file, text)) ? [] : [`${file}: ${text}`])),
      );
      expect(missing.flat()).toEqual([]);
    },
  );

  it.each([
    ['docs/errors.md', '## What bad input gets'],
    ['docs/invariants.md', ''],
  ])('%s has a test for every row', async (page, from) => {
    const text = await read(page);
    const rows = rowsOf(text.slice(text.indexOf(from)));
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter((row) => !linksOf(page, row).some(isProof))).toEqual([]);
  });
});

/** Whether the file has a text literal that is this title, whole. */
async function hasTest(file: string, title: string): Promise<boolean> {
  const source = await read(file);
  return ["'", '"', '`'].some((quote) =>
    source.includes(quote + title.replaceAll(quote, `\\${quote}`) + quote),
  );
}
