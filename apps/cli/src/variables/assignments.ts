import { isVariableName, VARIABLE_NAME_RULE } from '@stigmer/domain';
import { UsageError } from '../usage-error';

/** One `--secret`: the name, and where its value comes from. */
export interface SecretAssignment {
  readonly name: string;
  readonly from:
    | { readonly kind: 'prompt' }
    | { readonly kind: 'stdin' }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'argument'; readonly text: string };
}

export interface EnvAssignment {
  readonly name: string;
  readonly value: string;
}

/**
 * `--env NAME=VALUE`. Messages count the flags instead of quoting them: what stands where a name should be may be
 * a value that was pasted into the wrong place.
 */
export function parseEnv(flags: readonly string[]): readonly EnvAssignment[] {
  return flags.map((flag, index) => {
    const at = flag.indexOf('=');
    if (at < 0) throw new UsageError(`${nth(index, '--env')} has no value: write --env NAME=VALUE`);
    return { name: checkedName(flag.slice(0, at), index, '--env'), value: flag.slice(at + 1) };
  });
}

/** `--secret NAME` (asks), `NAME=@file`, `NAME=-` (standard input), `NAME=VALUE`; `@@` begins a value with an `@`. */
export function parseSecrets(flags: readonly string[]): readonly SecretAssignment[] {
  const secrets = flags.map((flag, index): SecretAssignment => {
    const at = flag.indexOf('=');
    const name = checkedName(at < 0 ? flag : flag.slice(0, at), index, '--secret');
    return { name, from: at < 0 ? { kind: 'prompt' } : sourceOf(flag.slice(at + 1), name) };
  });
  if (secrets.filter(({ from }) => from.kind === 'stdin').length > 1) {
    throw new UsageError('only one --secret NAME=- can read the standard input');
  }
  return secrets;
}

function sourceOf(text: string, name: string): SecretAssignment['from'] {
  if (text === '-') return { kind: 'stdin' };
  if (text.startsWith('@@')) return { kind: 'argument', text: text.slice(1) };
  if (text === '@') throw new UsageError(`--secret ${name}=@ names no file`);
  return text.startsWith('@') ? { kind: 'file', path: text.slice(1) } : { kind: 'argument', text };
}

function checkedName(name: string, index: number, flag: string): string {
  if (!isVariableName(name)) throw new UsageError(`${nth(index, flag)}: ${VARIABLE_NAME_RULE}`);
  return name;
}

function nth(index: number, flag: string): string {
  return index === 0 ? `the first ${flag}` : `${flag} number ${index + 1}`;
}
