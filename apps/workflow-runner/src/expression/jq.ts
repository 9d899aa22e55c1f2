import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TaskFailure } from '../failure';
import type { Json } from '../json';

/** What a program sees: `.` and three variables. */
export interface JqData {
  readonly dot: Json;
  readonly context: Json;
  readonly input: Json;
  readonly output: Json;
}

interface Answer {
  readonly output?: string;
  readonly error?: string;
  readonly ready?: true;
}

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
const PREAMBLE = `${SHADOWS} {} as $ENV | .context as $context | .input as $input | .output as $output | .dot |`;

/**
 * Runs jq in threads of their own, so that a program that never ends can be ended. A thread serves one task and is then
 * thrown away, because a secret may be left in its memory; the next one is started ahead, so that nobody waits for it.
 */
export class Jq {
  readonly #limitMs: number;
  #spare: Worker | undefined;

  constructor(limitMs = 1_000) {
    this.#limitMs = limitMs;
    this.#spare = startThread();
  }

  /** An interpreter for one task; the caller closes it. */
  session(): JqSession {
    const thread = this.#spare ?? startThread();
    this.#spare = startThread();
    return new JqSession(thread, this.#limitMs);
  }

  async close(): Promise<void> {
    await this.#spare?.terminate();
    this.#spare = undefined;
  }
}

/** Evaluates the programs of one task, one after another. */
export class JqSession {
  #thread: Worker;
  readonly #limitMs: number;

  constructor(thread: Worker, limitMs: number) {
    this.#thread = thread;
    this.#limitMs = limitMs;
  }

  /** The one result of a program. `withSecrets` withholds jq's own message, which likes to quote the beginning of a value. */
  async evaluate(
    program: string,
    data: JqData,
    options: { path: string; withSecrets: boolean },
  ): Promise<Json> {
    // The newlines end a comment of the program's last line, and keep jq's line numbers apart from ours.
    const answer = await this.#ask({ program: `${PREAMBLE}\n(${program}\n)`, input: JSON.stringify(data) });
    if (answer === 'timeout') {
      throw failed(options.path, `the expression ran longer than ${this.#limitMs} ms`);
    }
    if (answer.error !== undefined) throw failed(options.path, explain(answer.error, options.withSecrets));
    return onlyResult(answer.output ?? '', options.path);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  async #ask(job: { program: string; input: string }): Promise<Answer | 'timeout'> {
    const thread = this.#thread;
    await ready(thread);
    thread.postMessage(job);
    const answer = await nextAnswer(thread, this.#limitMs);
    if (answer === 'timeout') {
      await thread.terminate();
      this.#thread = startThread();
    }
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

async function ready(thread: Worker): Promise<void> {
  await readiness.get(thread);
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
      settle({ error: 'the expression needs too much memory' });
    };
    const timer = setTimeout(settle, limitMs, 'timeout');
    thread.on('message', settle).once('error', onDeath).once('exit', onDeath);
  });
}

function explain(message: string, withSecrets: boolean): string {
  if (withSecrets && !message.includes('compile error')) {
    return 'the expression failed; jq’s own words are withheld, since they may quote the beginning of a secret';
  }
  return message.replace(/^Failed to execute \w+ query: /, '').trim();
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
