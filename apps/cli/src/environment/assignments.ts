import { isVariableName, looksLikeCredential, VARIABLE_NAME_RULE } from '@stigmer/domain';
import { UsageError } from '../usage-error';
import { parseSecrets } from '../variables/assignments';
import type { HiddenSource } from '../variables/read-secret';

/** What the command line says about one variable. */
export type Assignment =
  | { readonly name: string; readonly kind: 'plain'; readonly value: string }
  | { readonly name: string; readonly kind: 'secret'; readonly from: HiddenSource }
  /** The value stays; only what is said about the variable changes. */
  | { readonly name: string; readonly kind: 'kept' };

/** What `environment set` was given besides the values. */
export interface AssignmentFlags {
  readonly secret: readonly string[];
  /** Says that what is written on the command line is no secret, whatever it looks like. */
  readonly plain: boolean;
  /** Whether anything is said about the variables, such as that they are final. */
  readonly attributes: boolean;
}

/** Reads `KEY=VALUE`, `KEY` and `--secret`; messages count the arguments instead of quoting them. */
export function readAssignments(words: readonly string[], flags: AssignmentFlags): readonly Assignment[] {
  const assignments = [
    ...words.map((word, index) => plainOrKept(word, index, flags)),
    ...secretsOf(flags.secret),
  ];
  const names = assignments.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice`);
  if (names.length === 0) {
    throw new UsageError('nothing to set', 'write KEY=VALUE, or --secret KEY, which asks for the value');
  }
  return assignments;
}

function plainOrKept(word: string, index: number, { plain, attributes }: AssignmentFlags): Assignment {
  const at = word.indexOf('=');
  const name = at < 0 ? word : word.slice(0, at);
  if (!isVariableName(name)) throw new UsageError(`argument number ${index + 1}: ${VARIABLE_NAME_RULE}`);
  if (at < 0) {
    if (attributes) return { name, kind: 'kept' };
    throw new UsageError(
      `argument number ${index + 1} has no value`,
      'write KEY=VALUE, or --secret KEY, which asks for it',
    );
  }
  const value = word.slice(at + 1);
  const reason = plain ? undefined : looksLikeCredential(name, value);
  if (reason === undefined) return { name, kind: 'plain', value };
  throw new UsageError(
    `${name} looks like a secret (${reason}), and other users can read the command line`,
    `give it with --secret ${name}, ${name}=@FILE or ${name}=-, or say with --plain that it is none; ${FORGET}`,
  );
}

function secretsOf(flags: readonly string[]): readonly Assignment[] {
  return parseSecrets(flags).map(({ name, from }): Assignment => {
    if (from.kind !== 'argument') return { name, kind: 'secret', from };
    throw new UsageError(
      `--secret ${name}=… would put the secret on the command line, where other users can read it`,
      `give it with --secret ${name} (asks), ${name}=@FILE or ${name}=-; ${FORGET}`,
    );
  });
}

const FORGET = "if it is a real one, replace it: your shell's history has it now";
