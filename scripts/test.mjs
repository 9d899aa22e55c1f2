// `make test`: every check in order, each with its seconds, and at the end one line with what passed and failed.
//
// All tests of libs and apps run in one Jest, not in one per package through Nx: on two cores that took a third less
// processor time, since the workers start once. The end-to-end tests start whole stacks and come last, one file after
// the other.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = dirname(import.meta.dirname);
const results = mkdtempSync(join(tmpdir(), 'stigmer-test-'));
const projects = [
  ...['libs', 'apps'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)),
  'bench',
];
const total = { passed: 0, failed: 0 };

/** Runs one step. A check that fails counts as one failure, so that the last line never looks better than it is. */
function step(title, command, args, environment = {}) {
  console.log(`\n== ${title}`);
  const started = Date.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  const passed = status === 0;
  console.log(`== ${title}: ${passed ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return passed;
}

function check(title, command, ...args) {
  const passed = step(title, command, args);
  if (!passed) total.failed += 1;
  return passed;
}

/** Dependencies that are ESM alone are `require`d: Jest can do that with this flag only. */
const jestEnvironment = { NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' };

function jest(title, ...args) {
  const file = join(results, `${title}.json`);
  step(
    title,
    'jest',
    ['--json', `--outputFile=${file}`, '--testLocationInResults=false', ...args],
    jestEnvironment,
  );
  if (!existsSync(file)) {
    total.failed += 1;
    return;
  }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, success } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  total.passed += numPassedTests;
  // A run may fail without a failing test: by a leak at the end, or by finding no test at all.
  total.failed += success ? failed : Math.max(1, failed);
}

/** The processes of our stacks and servers, of this checkout alone. */
function serverProcesses() {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => [`${root}/.venv/`, `${root}/apps/`].some((path) => line.includes(path)));
}

/** A stack that ran before the tests may run after them; whatever else is left was left behind. */
async function checkLeftovers(before) {
  const left = () => serverProcesses().filter((line) => !before.includes(line));
  // What ends with its starter takes a moment to notice.
  for (let waited = 0; left().length > 0 && waited < 15; waited++) await sleep(1_000);
  const processes = left();
  if (processes.length === 0) return;
  console.log(`\n== FAILED: processes were left behind\n${processes.join('\n')}`);
  total.failed += 1;
}

const before = serverProcesses();
try {
  check('generated code', 'npm', 'run', '--silent', 'check', '--workspace', '@stigmer/proto');
  const compiled = check('compile', 'scripts/build.sh');
  check('lint and format', 'scripts/lint.sh');
  // Jest strips the types without reading them: what does not compile is not worth running.
  if (compiled) {
    // By itself Jest leaves one core to a person who works beside it, which is half of this machine's.
    jest('unit and integration', '--maxWorkers=100%', '--projects', ...projects);
    jest('end-to-end', '--runInBand', '--projects', 'e2e');
    await checkLeftovers(before);
  }
} finally {
  rmSync(results, { recursive: true, force: true });
}

console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
