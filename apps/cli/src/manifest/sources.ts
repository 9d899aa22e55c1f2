import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { UsageError } from '../usage-error';

/** Where resources come from: a text to parse, or a program that declares them. */
export type Source =
  | { readonly kind: 'text'; readonly name: string; readonly text: string }
  | { readonly kind: 'program'; readonly path: string };

const TEXTS = ['.yaml', '.yml', '.json'];
const PROGRAMS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/**
 * Reads what `apply` was given: files, folders and `-` for the standard input. Of a folder it takes the YAML and JSON
 * files, those of its sub-folders too, in the order of their paths; a program never runs because it lies in a folder.
 */
export async function readSources(paths: readonly string[], stdin: Readable): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for (const path of paths) {
    if (path === '-') {
      sources.push({ kind: 'text', name: '<stdin>', text: await text(stdin) });
    } else if (PROGRAMS.includes(extname(path))) {
      sources.push({ kind: 'program', path });
    } else {
      sources.push(...(await readPath(path)));
    }
  }
  return sources;
}

async function readPath(path: string): Promise<readonly Source[]> {
  try {
    const files = (await stat(path)).isDirectory() ? await manifestsIn(path) : [path];
    return await Promise.all(
      files.map(async (file): Promise<Source> => ({
        kind: 'text',
        name: file,
        text: await readFile(file, 'utf8'),
      })),
    );
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot read ${path}: ${reason(error)}`);
  }
}

async function manifestsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && TEXTS.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) =>
        !relative(folder, file)
          .split(sep)
          .some((part) => part.startsWith('.') || part === 'node_modules'),
    )
    .sort();
  if (files.length === 0) throw new UsageError(`${folder} holds no .yaml, .yml or .json file`);
  return files;
}

/** The system's code for what went wrong with a file, in words. */
export function reason(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return typeof code === 'string' ? code : 'it cannot be opened';
}
