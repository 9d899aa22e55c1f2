import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalidArgument } from '@stigmer/domain';
import { Config } from './config';
import { Context, type ResourceMessage } from './resource';
import { Secret } from './secret';

/** A program: declares resources in the context it is given. */
export type Program = (ctx: Context) => void | Promise<void>;

export interface CollectOptions {
  readonly org: string;
  readonly config: ReadonlyMap<string, string>;
  /** Secret files are looked up from here; default the working directory. */
  readonly directory?: string;
  /** Asks for a secret without echo; rejects where there is nobody to ask. */
  readonly prompt: (question: string) => Promise<string>;
}

/** Runs a program and answers what it declared, what others refer to first. Secrets are read once it has ended. */
export async function collect(
  program: Program,
  options: CollectOptions,
): Promise<readonly ResourceMessage[]> {
  const ctx = new Context(options.org, new Config(options.config));
  await program(ctx);
  const context = { org: options.org, reveal: revealer(options) };
  const messages: ResourceMessage[] = [];
  for (const resource of ctx.resources) messages.push(await resource.build(context));
  return messages;
}

/**
 * Hands a program over to whoever loads its file: `stigmer apply ./program.ts`.
 *
 * The file imports its own copy of this package, which need not be the command line's: they meet in a list on the
 * global object, and the program is collected by the copy that its resources come from.
 */
export function run(program: Program): void {
  loading()?.push({ collect: (options) => collect(program, options) });
}

export interface LoadedProgram {
  collect(options: CollectOptions): Promise<readonly ResourceMessage[]>;
}

/** Imports a program's file. It has to call {@link run} once. */
export async function loadProgram(path: string): Promise<LoadedProgram> {
  const programs: LoadedProgram[] = [];
  const outer = loading();
  Reflect.set(globalThis, LOADING, programs);
  try {
    await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const [reason] = String(cause).split('\n');
    throw invalidArgument(`cannot run ${path}: ${reason ?? ''}`, [], { cause });
  } finally {
    Reflect.set(globalThis, LOADING, outer);
  }
  const [program, second] = programs;
  if (!program) throw invalidArgument(`${path} declares nothing: a program calls run((ctx) => { … })`);
  if (second) throw invalidArgument(`${path} calls run more than once: one file is one program`);
  return { collect: (options) => program.collect({ directory: dirname(resolve(path)), ...options }) };
}

const LOADING = Symbol.for('@stigmer/sdk/loading');

function loading(): LoadedProgram[] | undefined {
  return Reflect.get(globalThis, LOADING) as LoadedProgram[] | undefined;
}

/** Each secret is read once, however often the program uses it. */
function revealer({ config, directory = '.', prompt }: CollectOptions) {
  const known = new Map<Secret, string>();
  return async (secret: Secret): Promise<string> => {
    const value = known.get(secret) ?? (await read(secret));
    known.set(secret, value);
    return value;
  };

  async function read(secret: Secret): Promise<string> {
    const source = Secret.sourceOf(secret);
    if ('file' in source) return readSecretFile(resolve(directory, source.file));
    if ('prompt' in source) return prompt(`${source.prompt}: `);
    return config.get(source.key) ?? prompt(`${source.key}: `);
  }
}

async function readSecretFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw invalidArgument(`cannot read the secret in ${file}`, [], { cause });
  }
}
