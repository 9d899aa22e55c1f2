// Fails, showing the differences, where src/gen is not what `npm run gen` makes of the .proto files.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fresh = mkdtempSync(join(tmpdir(), 'stigmer-gen-'));
try {
  execFileSync('buf', ['generate', '--output', fresh], { stdio: 'inherit' });
  const { status } = spawnSync('diff', ['-r', 'src/gen', join(fresh, 'src/gen')], { stdio: 'inherit' });
  if (status !== 0)
    console.error('\nlibs/proto/src/gen is stale: run `npm run gen -w libs/proto` and commit the result');
  process.exitCode = status ?? 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
