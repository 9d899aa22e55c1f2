import { stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { bundleWorkflowCode, type Logger, type WorkflowBundleOption } from '@temporalio/worker';

const WORKFLOWS = join(__dirname, `workflows${extname(__filename)}`);
const PREPARED = join(__dirname, 'workflow-bundle.generated.js');

/**
 * The workflows as Temporal's sandbox takes them. Bundling costs a second and a half of processor time and 90 MB, so
 * the build does it once; where it has not, or the workflows are newer than its result, it is done at the start.
 */
export async function workflowBundle(logger: Logger): Promise<WorkflowBundleOption> {
  const [prepared, workflows] = await Promise.all([modifiedAt(PREPARED), modifiedAt(WORKFLOWS)]);
  return prepared > workflows
    ? { codePath: PREPARED }
    : bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger });
}

/** Run by the build, after the compiler. */
export async function prepareWorkflowBundle(logger: Logger): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger });
  await writeFile(PREPARED, code);
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return -1;
  }
}
