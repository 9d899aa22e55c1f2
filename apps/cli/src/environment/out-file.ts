import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { reason } from '../manifest/sources';
import { UsageError } from '../usage-error';

/** Writes a file that its owner alone may read (0600) and that is there whole or not at all. */
export async function writeOut(path: string, text: string, replace: boolean): Promise<void> {
  const half = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(half, text, { mode: 0o600, flag: 'wx' });
    // A link, unlike a rename, fails where something is in its place.
    await (replace ? rename(half, path) : link(half, path));
  } catch (error) {
    if (isTaken(error)) throw new UsageError(`${path} is there already`, 'add --force to write over it');
    throw new UsageError(`cannot write ${path}: ${reason(error)}`);
  } finally {
    await rm(half, { force: true });
  }
}

function isTaken(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST';
}
