import type { Command } from 'commander';

/** The flags that give a run its variables; the same on `execute` and `explain`. */
export interface VariableFlags {
  readonly env: readonly string[];
  readonly secret: readonly string[];
  readonly envFile: readonly string[];
  readonly secretFile: readonly string[];
  readonly plain: readonly string[];
}

/** Adds the flags to a command, in the order in which they win. */
export function addVariableFlags(command: Command): Command {
  return command
    .option('--env-file <file>', 'variables from a dotenv file (repeatable)', collect, [])
    .option('--secret-file <file>', 'secrets from a dotenv file (repeatable)', collect, [])
    .option('-e, --env <name=value>', 'a variable (repeatable)', collect, [])
    .option(
      '-s, --secret <name>',
      'a secret: NAME asks for it, NAME=@FILE reads a file, NAME=- the standard input (repeatable)',
      collect,
      [],
    )
    .option(
      '--plain <name>',
      'do not treat this variable as a secret although it looks like one (repeatable)',
      collect,
      [],
    );
}

export const VARIABLE_HELP = `
Variables override what the environments and the template say. Where several of these flags give the same
variable, the later in this list wins: --env-file, --secret-file, --env, --secret.
A --env or --env-file variable that looks like a credential is sent as a secret; --plain NAME turns that off.
In --secret NAME=@FILE and NAME=- one line break at the end is dropped; NAME=@@x is the value "@x".`;

/** Commander's accumulator for a repeatable option. */
export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
