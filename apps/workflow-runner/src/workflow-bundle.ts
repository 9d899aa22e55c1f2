import { readdir, stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import {
  bundleWorkflowCode,
  type Logger,
  type WorkflowBundle,
  type WorkflowBundleOption,
} from '@temporalio/worker';

const WORKFLOWS = join(__dirname, `workflows${extname(__filename)}`);
const PREPARED = 'workflow-bundle.generated.js';

/**
 * The workflows as Temporal's sandbox takes them. Bundling costs a second and a half of processor time and 90 MB, so
 * the build does it once; where it has not, or has compiled anew since, it is done at the start.
 */
export async function workflowBundle(logger: Logger): Promise<WorkflowBundleOption> {
  const codePath = await preparedBundle(__dirname);
  return codePath === undefined ? bundle(logger) : { codePath };
}

/** The bundle in a folder of compiled files, if it is newer than all of them: the workflows may import any. */
export async function preparedBundle(folder: string): Promise<string | undefined> {
  const names = await readdir(folder, { recursive: true });
  if (!names.includes(PREPARED)) return undefined;
  const compiled = names.filter((name) => name.endsWith('.js') && name !== PREPARED);
  const [prepared = -1, ...others] = await Promise.all(
    [PREPARED, ...compiled].map((name) => modifiedAt(join(folder, name))),
  );
  return others.every((other) => prepared > other) ? join(folder, PREPARED) : undefined;
}

/** Run by the build, after the compiler. */
export async function prepareWorkflowBundle(logger: Logger): Promise<void> {
  const { code } = await bundle(logger);
  await writeFile(join(__dirname, PREPARED), code);
}

/** Temporal keeps the source map in memory, so it has places for stack traces and no copy of the sources. */
function bundle(logger: Logger): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    logger,
    webpackConfigHook: (config) => ({ ...config, devtool: 'inline-nosources-source-map' }),
  });
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return -1;
  }
}
