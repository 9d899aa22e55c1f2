import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentities } from './identities';
import { serviceKeys } from './keys';
import { logFileOf, type Layout } from './layout';
import { makePrivateFolder, writePrivateFile } from './private-file';
import { encryptionKeyFile, identityFile, SERVICE_NAMES, trustedFile } from './services';

const LARGEST_LOG_BYTES = 8 * 1024 * 1024;

/** Writes what the processes of one run read: keys, identities, the local token; each file for one reader. */
export async function writeRunFiles(layout: Layout, rootKey: string | undefined): Promise<void> {
  // First: it looks whether there is data, so no folder for data may be there yet.
  const keys = serviceKeys(layout, rootKey);
  await writePrivateFile(encryptionKeyFile(layout, 'environment-service'), keys.environment);
  await writePrivateFile(encryptionKeyFile(layout, 'execution-context-service'), keys.context);
  const identities = createIdentities(SERVICE_NAMES);
  for (const name of SERVICE_NAMES) {
    await writePrivateFile(identityFile(layout, name), identities.privateKeys[name]);
  }
  await writePrivateFile(trustedFile(layout), identities.trusted);
  await writePrivateFile(layout.token, randomBytes(32).toString('base64url'));
  const { environmentKeys, contextKeys, data, logs, agentHomes, codeCache } = layout;
  for (const folder of [environmentKeys, contextKeys, data, logs, agentHomes, codeCache]) {
    await makePrivateFolder(folder);
  }
}

/** Removes them again: at the stop, and at a start after a supervisor that could not. */
export async function removeRunFiles(layout: Layout): Promise<void> {
  if (!existsSync(layout.run)) return;
  const names = (await readdir(layout.run)).filter((name) => join(layout.run, name) !== layout.socket);
  await Promise.all(names.map((name) => rm(join(layout.run, name), { force: true, recursive: true })));
}

/** Keeps one older log per part, so that logs cannot fill a disk over many starts. */
export function rotateLogs(layout: Layout, parts: readonly string[]): void {
  for (const part of parts) {
    const file = logFileOf(layout, part);
    if (existsSync(file) && statSync(file).size > LARGEST_LOG_BYTES) renameSync(file, `${file}.1`);
  }
}
