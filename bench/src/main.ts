/** `make bench`: measures, prints the table and writes bench/results.json. */
import { dirname, join } from 'node:path';
import { readBenchConfig } from './config';
import { runBench } from './run';

runBench(readBenchConfig(), join(dirname(__dirname), 'results.json'), console.log).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
