import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { stigmer, type Outcome, type RunOptions } from './stigmer';

/** What `stigmer server status --output json` tells of a running stack, as far as the tests use it. */
export interface StackStatus {
  readonly home: string;
  /** The supervisor. */
  readonly pid: number;
  readonly gateway: string;
  readonly mongodb: string;
  readonly redis: string;
  readonly temporal: string;
  readonly parts: readonly {
    readonly name: string;
    readonly pid: number;
    readonly state: string;
    readonly address: string;
  }[];
}

/** A running stack as a test sees it: its CLI, and the raw insides of its backing servers. */
export class Stack {
  /** A gateway keeps its address for as long as its stack runs, so it is asked for once. */
  #gateway: string | undefined;

  constructor(readonly home: string) {}

  /** Runs the CLI against this stack. */
  async stigmer(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const variables = { STIGMER_HOME: this.home, STIGMER_ADDRESS: await this.gateway() };
    return stigmer(args, { ...options, variables: { ...variables, ...options.variables } });
  }

  /** The address of its gateway. */
  async gateway(): Promise<string> {
    return (this.#gateway ??= (await this.status()).gateway);
  }

  /** Runs the CLI with `--output json`, requires exit code 0 and returns what it printed. */
  async json(args: readonly string[], options: RunOptions = {}): Promise<unknown> {
    const { code, stdout, stderr } = await this.stigmer([...args, '--output', 'json'], options);
    if (code !== 0) throw new Error(`stigmer ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as unknown;
  }

  async status(): Promise<StackStatus> {
    const { stdout } = await stigmer(['server', 'status', '--home', this.home, '--output', 'json']);
    return JSON.parse(stdout) as StackStatus;
  }

  /** What makes a caller of the gateway the owner of this installation. */
  async localToken(): Promise<string> {
    return (await readFile(join(this.home, 'token'), 'utf8')).trim();
  }

  /** Every document of every collection of one database, as it lies there. */
  async documents(database: string): Promise<readonly Record<string, unknown>[]> {
    const { mongodb } = await this.status();
    const connection = await mongoose
      .createConnection(mongodb, { dbName: database, serverSelectionTimeoutMS: 30_000 })
      .asPromise();
    try {
      const collections = await connection.listCollections();
      const documents = await Promise.all(
        collections.map(({ name }) => connection.collection(name).find({}).toArray()),
      );
      return documents.flat();
    } finally {
      await connection.close();
    }
  }

  /** Every key of Redis with its value, in whatever type it has. */
  async redisContents(): Promise<readonly Buffer[]> {
    const redis = new Redis((await this.status()).redis, { maxRetriesPerRequest: 1, connectTimeout: 30_000 });
    try {
      const keys = await redis.keysBuffer('*');
      // A key may expire between the two questions, whatever the types say.
      const dumps: readonly (Buffer | null)[] = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
      return [...keys, ...dumps.filter((dump) => dump !== null)];
    } finally {
      redis.disconnect();
    }
  }

  /** Every file below the stack's home, with its path relative to it. */
  async files(): Promise<readonly { readonly name: string; readonly bytes: Buffer }[]> {
    const entries = await readdir(this.home, { recursive: true, withFileTypes: true });
    return Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map(async (entry) => {
          const path = join(entry.parentPath, entry.name);
          return { name: path.slice(this.home.length + 1), bytes: await readIfThere(path) };
        }),
    );
  }

  async stop(): Promise<void> {
    await stigmer(['server', 'stop', '--home', this.home]);
    await rm(this.home, { recursive: true, force: true });
  }
}

/** The servers write and remove files as they go: what is gone meanwhile holds nothing any more. */
async function readIfThere(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  });
}

/** Starts a stack of its own on free ports and a folder of its own. In: variables for `server start`. */
export async function startStack(variables: Readonly<Record<string, string>> = {}): Promise<Stack> {
  return startStackIn(await mkdtemp(join(tmpdir(), 'stigmer-e2e-')), variables);
}

/** Starts a stack in a folder that may hold keys and data already. */
export async function startStackIn(
  home: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Stack> {
  const outcome = await attemptStart(home, variables);
  if (outcome.code !== 0) throw new Error(`the stack did not start:\n${outcome.stdout}${outcome.stderr}`);
  return new Stack(home);
}

/** `server start` on free ports, whatever comes of it. */
export function attemptStart(
  home: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const ports = ['--port', '0', '--temporal-port', '0', '--temporal-ui-port', '0'];
  return stigmer(['server', 'start', '--home', home, ...ports], { variables, deadlineMs: 300_000 });
}

/** The stack that all specs share; `global-setup.ts` started it. */
export function theStack(): Stack {
  const home = process.env['STIGMER_E2E_HOME'];
  if (home === undefined)
    throw new Error('the shared stack is not running: start the specs through e2e/jest.config.js');
  return new Stack(home);
}
