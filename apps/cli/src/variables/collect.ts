import { DomainError, parseDotenv } from '@stigmer/domain';
import type { Context } from '../context';
import { note, warn } from '../output/print';
import { UsageError } from '../usage-error';
import { parseEnv, parseSecrets, type SecretAssignment } from './assignments';
import type { VariableFlags } from './flags';
import { mergeGiven, type Given, type MergedVariables, type Variable } from './merge';
import { canPrompt } from './prompt';
import { readSecret, readText } from './read-secret';
import { warnOfWeakSecret } from './weak-secret';

/** A run's variables as far as they are known without asking anybody. */
export interface GatheredVariables {
  /** Reads and asks for the secrets of `--secret`, and returns all variables. */
  complete(): Promise<ReadonlyMap<string, Variable>>;
  /** The same variables without the value of any secret: none is read, asked for or kept. */
  withheld(): ReadonlyMap<string, Variable>;
}

/**
 * Gathers what the flags give, in two steps, so that nobody types a secret for a run that cannot start: whatever can
 * be wrong with the flags and their files is found here, at once.
 */
export async function gatherVariables(context: Context, flags: VariableFlags): Promise<GatheredVariables> {
  const secrets = parseSecrets(flags.secret);
  const plain = await plainVariables(flags);
  const secretFiles = await readDotenvFiles(flags.secretFile, true);
  const merge = (given: readonly Given[]): MergedVariables =>
    mergeGiven([...plain.files, ...secretFiles, ...plain.flags, ...given], plain.exempt);
  return {
    complete: async () => {
      const given: Given[] = [];
      for (const secret of secrets) {
        const value = await valueOf(context, secret);
        given.push({ name: secret.name, value, secret: true, origin: '--secret' });
      }
      const merged = merge(given);
      report(context, merged);
      return merged.variables;
    },
    withheld: () => {
      const { variables, promoted } = merge(
        secrets.map(({ name }) => ({ name, value: '', secret: true, origin: '--secret' })),
      );
      report(context, { promoted, weak: [] });
      return new Map(
        [...variables].map(([name, { value, secret }]) => [name, { value: secret ? '' : value, secret }]),
      );
    },
  };
}

/** Refuses at once to ask where nobody can answer, instead of failing after half of the work. */
export function refuseWithoutTerminal(context: Context, flags: VariableFlags): void {
  const asked = parseSecrets(flags.secret).filter(({ from }) => from.kind === 'prompt');
  if (asked.length === 0 || canPrompt(context.io)) return;
  throw new UsageError(
    `there is no terminal to ask for ${asked.map(({ name }) => name).join(', ')}`,
    'give the value with --secret NAME=@FILE, --secret NAME=- or --secret-file FILE',
  );
}

interface PlainVariables {
  readonly files: readonly Given[];
  readonly flags: readonly Given[];
  readonly exempt: ReadonlySet<string>;
}

async function plainVariables(flags: VariableFlags): Promise<PlainVariables> {
  const fromFlags = parseEnv(flags.env).map((variable): Given => ({
    ...variable,
    secret: false,
    origin: '--env',
  }));
  const fromFiles = await readDotenvFiles(flags.envFile, false);
  const names = new Set([...fromFiles, ...fromFlags].map(({ name }) => name));
  const stranger = flags.plain.findIndex((name) => !names.has(name));
  if (stranger >= 0) {
    throw new UsageError(
      `--plain number ${stranger + 1} names a variable that neither --env nor --env-file gives`,
    );
  }
  return { files: fromFiles, flags: fromFlags, exempt: new Set(flags.plain) };
}

async function readDotenvFiles(paths: readonly string[], secret: boolean): Promise<readonly Given[]> {
  const files = await Promise.all(paths.map(async (path) => dotenvOf(path, await readText(path), secret)));
  return files.flat();
}

function dotenvOf(path: string, content: string, secret: boolean): readonly Given[] {
  try {
    return parseDotenv(content).map(({ key, value }) => ({ name: key, value, secret, origin: path }));
  } catch (error) {
    if (error instanceof DomainError) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A secret from wherever its flag says; one that stands on the command line is taken, with a warning. */
async function valueOf(context: Context, { name, from }: SecretAssignment): Promise<string> {
  if (from.kind !== 'argument') return readSecret(context, name, from);
  warn(
    context,
    `--secret ${name}=…: other users can read the command line in the process list, and the shell keeps it in its ` +
      `history; prefer --secret ${name} (asks), ${name}=@FILE or ${name}=-`,
  );
  return from.text;
}

function report(context: Context, { promoted, weak }: Omit<MergedVariables, 'variables'>): void {
  for (const { name, origin, reason: why } of promoted) {
    note(context, `${name} from ${origin} is sent as a secret: ${why}; --plain ${name} turns this off`);
  }
  for (const name of weak) warnOfWeakSecret(context, name);
}
