// `make test`: every check in order, each with its seconds, and at the end one line with what passed and failed.
//
// All tests of libs and apps run in one Jest, not in one per package through Nx: on two cores that took a third less
// processor time, since the workers start once. The end-to-end tests come last, two files at a time: most of them start
// stacks of their own, and wait more than they work. What those tests leave of the machine is lint's, which nobody waits
// for until the end.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = dirname(import.meta.dirname);
const results = mkdtempSync(join(tmpdir(), 'stigmer-test-'));
const projects = [
  ...['libs', 'apps'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)),
  'bench',
];
const total = { passed: 0, failed: 0 };

/** Whether it came to a good end; what cannot be started has not. */
const ended = (child) =>
  once(child, 'exit').then(
    ([status]) => status === 0,
    () => false,
  );

function report(title, passed, started) {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`== ${title}: ${passed ? 'ok' : 'FAILED'} (${seconds} s)`);
  return passed;
}

/** Runs one step. A check that fails counts as one failure, so that the last line never looks better than it is. */
async function step(title, command, args, environment = {}) {
  console.log(`\n== ${title}`);
  const started = Date.now();
  const child = spawn(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  return report(title, await ended(child), started);
}

async function check(title, command, ...args) {
  const passed = await step(title, command, args);
  if (!passed) total.failed += 1;
  return passed;
}

/** Begins a check beside the steps that follow, behind them in priority. Answers with what waits for it and shows it. */
function checkBeside(title, command, ...args) {
  const file = join(results, `${title}.log`);
  const output = openSync(file, 'w');
  const started = Date.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', output, output] });
  closeSync(output);
  setPriority(child.pid, 10);
  const finished = ended(child).then((passed) => ({ passed, took: Date.now() - started }));
  return async () => {
    const { passed, took } = await finished;
    console.log(`\n== ${title}, beside the tests`);
    process.stdout.write(readFileSync(file));
    report(title, passed, Date.now() - took);
    if (!passed) total.failed += 1;
  };
}

/** Dependencies that are ESM alone are `require`d: Jest can do that with this flag only. */
const jestEnvironment = { NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' };

async function jest(title, ...args) {
  const file = join(results, `${title}.json`);
  await step(
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
  await check('generated code', 'npm', 'run', '--silent', 'check', '--workspace', '@stigmer/proto');
  const compiled = await check('compile', 'scripts/build.sh');
  const linted = checkBeside('lint and format', 'scripts/lint.sh');
  // Jest strips the types without reading them: what does not compile is not worth running.
  if (compiled) {
    // By itself Jest leaves one core to a person who works beside it, which is half of this machine's.
    await jest('unit and integration', '--maxWorkers=100%', '--projects', ...projects);
    await jest('end-to-end', '--maxWorkers=2', '--projects', 'e2e');
    await checkLeftovers(before);
  }
  await linted();
} finally {
  rmSync(results, { recursive: true, force: true });
}

console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
