import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TaskFailure } from '../failure';
import type { Json } from '../json';

/** What a program sees: `.`, and the variables, which are fields of `.` unless `variables` gives others. */
export interface JqData {
  readonly dot: Json;
  readonly variables?: { readonly context: Json; readonly input: Json; readonly output: Json };
}

/** What jq says: its results, one per line, and its exit code (3: the program does not compile). */
interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const DOES_NOT_COMPILE = 3;
const WORKER = join(__dirname, `jq.worker${extname(__filename)}`);
const MEMORY_MB = 128;

/**
 * The second guard after `template.ts`: whatever its lexer did not see, these definitions shadow. `import` and
 * `include` need none, since jq allows them at the beginning of a program alone.
 */
const SHADOWS = [
  'env',
  'input',
  'inputs',
  'input_filename',
  'input_line_number',
  'debug',
  'stderr',
  'get_search_list',
]
  .concat(['modulemeta', 'halt', 'halt_error', 'debug(f)', 'halt_error(f)'])
  .map((name) => `def ${name}: error("${name} is not available in an expression");`)
  .join(' ');
const PREAMBLE = `${SHADOWS} {} as $ENV | (.variables // .dot) as {$context, $input, $output} | .dot |`;

/**
 * Runs jq in threads of their own, so that a program that never ends can be ended. A thread serves one task and is then
 * thrown away, because a secret may be left in its memory; the next one is started ahead, so that only the first task
 * with an expression waits for it. A runner that has met none does without its 20 MB.
 */
export class Jq {
  readonly #limitMs: number;
  #spare: Worker | undefined;

  constructor(limitMs = 2_000) {
    this.#limitMs = limitMs;
  }

  /** An interpreter for one task; the caller closes it. A task without an expression costs no thread. */
  session(): JqSession {
    return new JqSession(() => this.#take(), this.#limitMs);
  }

  async close(): Promise<void> {
    await this.#spare?.terminate();
    this.#spare = undefined;
  }

  #take(): Worker {
    const thread = this.#spare ?? startThread();
    this.#spare = startThread();
    return thread;
  }
}

/** Evaluates the programs of one task, one after another. */
export class JqSession {
  readonly #take: () => Worker;
  readonly #limitMs: number;
  #thread: Worker | undefined;

  constructor(take: () => Worker, limitMs: number) {
    this.#take = take;
    this.#limitMs = limitMs;
  }

  /** The one result of a program. `withSecrets` withholds jq's own message, which likes to quote the beginning of a value. */
  async evaluate(
    program: string,
    data: JqData,
    options: { readonly path: string; readonly withSecrets: boolean },
  ): Promise<Json> {
    // The newlines end a comment of the program's last line, and keep jq's line numbers apart from ours.
    const answer = await this.#ask({ program: `${PREAMBLE}\n(${program}\n)`, input: JSON.stringify(data) });
    if (answer === 'timeout') {
      throw failed(options.path, `the expression ran longer than ${this.#limitMs} ms`);
    }
    if (answer.exitCode !== 0) throw failed(options.path, explain(answer, options.withSecrets));
    return onlyResult(answer.stdout, options.path);
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  async #ask(job: { readonly program: string; readonly input: string }): Promise<Answer | 'timeout'> {
    this.#thread ??= this.#take();
    const thread = this.#thread;
    await readiness.get(thread);
    thread.postMessage(job);
    const answer = await nextAnswer(thread, this.#limitMs);
    if (answer === 'timeout') await this.close();
    return answer;
  }
}

const readiness = new WeakMap<Worker, Promise<unknown>>();

function startThread(): Worker {
  // An empty environment and no inherited flags: what the interpreter does not have, no program can read.
  const thread = new Worker(WORKER, {
    env: {},
    execArgv: [],
    stdin: true,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  thread.unref();
  readiness.set(thread, nextAnswer(thread, 10_000));
  return thread;
}

/** The thread's next message; its death counts as an error, silence as `timeout`. */
function nextAnswer(thread: Worker, limitMs: number): Promise<Answer | 'timeout'> {
  return new Promise((resolve) => {
    const settle = (answer: Answer | 'timeout') => {
      clearTimeout(timer);
      thread.off('message', settle).off('error', onDeath).off('exit', onDeath);
      thread.unref();
      resolve(answer);
    };
    const onDeath = () => {
      settle({ stdout: '', stderr: 'the expression needs too much memory', exitCode: DOES_NOT_COMPILE });
    };
    const timer = setTimeout(settle, limitMs, 'timeout');
    thread.on('message', settle).once('error', onDeath).once('exit', onDeath);
  });
}

/** What does not compile is told in jq's words, which quote the program alone; at run time they may quote a value. */
function explain({ stderr, exitCode }: Answer, withSecrets: boolean): string {
  return withSecrets && exitCode !== DOES_NOT_COMPILE
    ? 'the expression failed; jq’s own words are withheld, since they may quote the beginning of a secret'
    : stderr;
}

function onlyResult(output: string, path: string): Json {
  const lines = output.split('\n').filter((line) => line !== '');
  const [only] = lines;
  if (only === undefined || lines.length > 1) {
    throw failed(
      path,
      `the expression gives ${lines.length} results and must give one; collect them with [ … ]`,
    );
  }
  return JSON.parse(only) as Json;
}

function failed(path: string, reason: string): TaskFailure {
  return new TaskFailure('ExpressionFailed', `${path}: ${reason}`);
}
