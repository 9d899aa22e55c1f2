import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { Identity, TrustedIdentities } from './identity';

/** A schema of environment variables: one key per variable, each with `.meta({ description })`. */
export type ConfigSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** What `docs/configuration.md` says about one variable. */
export interface VariableDocs {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly default?: string;
  /** A secret: only `<NAME>_FILE` is accepted, since any child or same-user process can read an environment. */
  readonly fileOnly: boolean;
}

/** What a variable declared with `.meta({ watched: true })` is parsed into: one whose file may change while we run. */
export interface Watched<T> {
  readonly value: T;
  /** Absent where the variable itself holds the text, which cannot change. */
  readonly file?: string;
  /** Reads and checks the file once more. Throws without quoting it; without a file it is the value of the start. */
  reread(): T;
}

/** The configuration is unusable; the message names every bad variable and quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** `host:port`, as in `127.0.0.1:7235` or `[::1]:7235`. */
export const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:[\]]+):\d{1,5}$/, 'must be host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'has no such port');

/** The variables of every service. An app's schema extends this one. */
export const serviceConfig = z.object({
  STIGMER_LISTEN: address.meta({ description: 'Where this service listens, as host:port.' }),
  STIGMER_IDENTITY_KEY: parsed(
    (text) => Identity.fromJwk(text),
    'must be a private Ed25519 JWK whose kid is the service',
  ).meta({
    description: "This service's own private key, a JWK whose `kid` is the service's name.",
    fileOnly: true,
  }),
  STIGMER_TRUSTED_IDENTITIES: parsed(
    (text) => TrustedIdentities.fromJwks(text),
    'must be a JWKS, each kid a service',
  ).meta({
    description: 'The public keys of the services this one believes, a JWKS; each `kid` is a service name.',
  }),
  STIGMER_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta({
      description: 'The least severe level that is logged: trace, debug, info, warn, error, fatal or silent.',
    }),
});

/** A service's parsed configuration. */
export type ServiceConfig = z.infer<typeof serviceConfig>;

/**
 * Reads the variables that `schema` names, each from `NAME` or from the file at `NAME_FILE`.
 * Fails with one message for all that is wrong, so that a start is not a guessing game.
 */
export function readConfig<S extends ConfigSchema>(
  schema: S,
  env: Readonly<Record<string, string | undefined>> = process.env,
): z.infer<S> {
  const variables = describeConfig(schema);
  const raw: Record<string, string | WatchedText> = {};
  /** What is wrong, by variable: the first complaint of each says enough. */
  const problems = new Map<string, string>();
  for (const variable of variables) {
    try {
      const text = readVariable(
        variable,
        env,
        variable.fileOnly || isMarked(schema, variable, 'privateFile'),
      );
      if (text !== undefined) raw[variable.name] = isMarked(schema, variable, 'watched') ? text : text.text;
    } catch (error) {
      problems.set(variable.name, (error as Error).message);
    }
  }
  const result = schema.safeParse(raw);
  if (result.success && problems.size === 0) return result.data;
  for (const issue of result.error?.issues ?? []) {
    const name = String(issue.path[0] ?? 'configuration');
    if (problems.has(name)) continue;
    problems.set(name, name in raw ? explain(issue) : missing(name, variables));
  }
  const list = [...problems].map(([name, problem]) => `\n  ${name}: ${problem}`).join('');
  throw new ConfigError(`the configuration is not usable${list}`);
}

/** The documentation of a schema, in its order. */
export function describeConfig(schema: ConfigSchema): readonly VariableDocs[] {
  return Object.entries(schema.shape).map(([name, variable]) => {
    const meta = variable.meta() ?? {};
    // Of the input: what one would write, not what it is parsed into.
    const { default: absent } = z.toJSONSchema(variable, { io: 'input', unrepresentable: 'any' });
    return {
      name,
      description: meta.description ?? '',
      required: !variable.safeParse(undefined).success,
      ...(absent === undefined ? {} : { default: printDefault(absent) }),
      fileOnly: meta.fileOnly === true,
    };
  });
}

/** A string variable turned into an object; a failure says `complaint` and never quotes the text. */
export function parsed<T>(parse: (text: string) => T, complaint: string) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: complaint });
      return z.NEVER;
    }
  });
}

/** A variable whose file is read again while we run. Its schema needs `.meta({ watched: true })`. */
export function watched<T>(parse: (text: string) => T, complaint: string) {
  return z.instanceof(WatchedText).transform(({ text, file, reread }, context): Watched<T> => {
    try {
      const value = parse(text);
      return {
        value,
        ...(file === undefined ? {} : { file }),
        reread: () => (file === undefined ? value : parseAgain(parse, reread(), complaint)),
      };
    } catch {
      context.addIssue({ code: 'custom', message: complaint });
      return z.NEVER;
    }
  });
}

// The parser's own error may quote the text; the complaint does not.
function parseAgain<T>(parse: (text: string) => T, text: string, complaint: string): T {
  try {
    return parse(text);
  } catch {
    throw new ConfigError(complaint);
  }
}

/** The text of a variable with where it came from. */
class WatchedText {
  constructor(
    readonly text: string,
    readonly file: string | undefined,
    readonly reread: () => string,
  ) {}
}

/**
 * What a schema's `.meta` says beside the documentation. `watched`: its file is read again. `privateFile`: its file is
 * refused where other users may open it, as that of a variable which is read from a file only always is.
 */
function isMarked(
  schema: ConfigSchema,
  { name }: Pick<VariableDocs, 'name'>,
  mark: 'watched' | 'privateFile',
): boolean {
  return schema.shape[name]?.meta()?.[mark] === true;
}

function readVariable(
  { name, fileOnly }: VariableDocs,
  env: Readonly<Record<string, string | undefined>>,
  privateFile: boolean,
): WatchedText | undefined {
  // A variable set to nothing is an unset one: container platforms cannot unset.
  const text = env[name] === '' ? undefined : env[name];
  const path = env[`${name}_FILE`] === '' ? undefined : env[`${name}_FILE`];
  if (text !== undefined && fileOnly)
    throw new Error(`is a secret and is only read from a file: set ${name}_FILE`);
  if (text !== undefined && path !== undefined) throw new Error(`is set twice, also by ${name}_FILE`);
  if (path !== undefined)
    return new WatchedText(readFile(path, privateFile), path, () => readFile(path, privateFile));
  return text === undefined ? undefined : new WatchedText(text, undefined, () => text);
}

/** Permission bits of users who are neither the owner nor in the group (Kubernetes needs the group). */
const OTHERS = 0o007;

function readFile(path: string, privateFile: boolean): string {
  const file = openFile(path);
  try {
    // Of the open file and not of the path, so that what is checked is what is read.
    if (privateFile && (fstatSync(file).mode & OTHERS) !== 0) {
      throw new Error(
        `${path} is open to other users; run chmod 600 on it, or mount its Secret with defaultMode: 0400`,
      );
    }
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new Error(`cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, {
      cause: error,
    });
  }
}

/** A default as one would write it in an environment. */
function printDefault(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Issues whose message is ours or speaks of the rule alone. The messages of the others may quote what came. */
const PLAIN_ISSUES: ReadonlySet<z.core.$ZodIssue['code']> = new Set([
  'custom',
  'invalid_format',
  'too_small',
  'too_big',
]);

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  return PLAIN_ISSUES.has(issue.code) ? issue.message : 'is not valid';
}

function missing(name: string, variables: readonly VariableDocs[]): string {
  const secret = variables.some((variable) => variable.name === name && variable.fileOnly);
  return secret ? `is required; set ${name}_FILE` : 'is required';
}
