import { parentPort } from 'node:worker_threads';
import { raw } from 'jq-wasm';

/** A thread that runs jq programs one after another; `jq.ts` ends it when one takes too long. */
interface Job {
  readonly program: string;
  readonly input: string;
}

parentPort?.on('message', (job: Job) => {
  raw(job.input, job.program, ['-c']).then(
    (output) => parentPort?.postMessage({ output }),
    (error: unknown) =>
      parentPort?.postMessage({ error: error instanceof Error ? error.message : 'unknown' }),
  );
});
// The interpreter takes some twenty milliseconds to load: spent before the first program arrives.
void raw('null', '.').finally(() => parentPort?.postMessage({ ready: true }));
