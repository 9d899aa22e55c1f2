import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { invalidArgument, looksLikeCredential } from '@stigmer/domain';
import {
  EnvironmentSpecSchema,
  type EnvironmentValueSchema,
} from '@stigmer/proto/agentic/environment/v1/spec';
import type { BuildContext } from './resource';
import { Secret } from './secret';

/** What a template declares: the variables it needs, and defaults for those that are no secret. */
export type VariableDeclarations = Readonly<Record<string, VariableDeclaration>>;

/** A secret has no default: a template never carries a secret's value. */
export type VariableDeclaration = { readonly description?: string; readonly optional?: boolean } & (
  { readonly isSecret: true } | { readonly isSecret?: false; readonly value?: string; readonly plain?: true }
);

/** The variables of an environment: plain text, or a secret. */
export type Variables = Readonly<Record<string, string | Secret | Variable>>;

export interface Variable {
  readonly value: string | Secret;
  readonly description?: string;
  /** Says that a value is no secret although it looks like one. */
  readonly plain?: true;
}

export function declarationSpec(declarations: VariableDeclarations = {}) {
  const data = Object.entries(declarations).map(
    ([name, declared]) => [name, declarationValue(declared)] as const,
  );
  return create(EnvironmentSpecSchema, { data: Object.fromEntries(data) });
}

function declarationValue(declared: VariableDeclaration): MessageInitShape<typeof EnvironmentValueSchema> {
  const { isSecret = false, description = '', optional = false } = declared;
  return { value: 'value' in declared ? declared.value : '', isSecret, description, optional };
}

/** Secrets are asked for one after the other, in the program's order: two prompts cannot share a terminal. */
export async function variablesSpec(variables: Variables, description: string, { reveal }: BuildContext) {
  const data: [string, MessageInitShape<typeof EnvironmentValueSchema>][] = [];
  for (const [name, given] of Object.entries(variables)) {
    const variable: Variable =
      typeof given === 'string' || given instanceof Secret ? { value: given } : given;
    const isSecret = variable.value instanceof Secret;
    const value = variable.value instanceof Secret ? await reveal(variable.value) : variable.value;
    data.push([name, { value, isSecret, description: variable.description ?? '' }]);
  }
  return create(EnvironmentSpecSchema, { description, data: Object.fromEntries(data) });
}

/** Source text is copied, committed and shared: a credential in it is refused where it is declared. */
export function refuseCredentials(variables: Variables | VariableDeclarations = {}): void {
  for (const [name, given] of Object.entries<Variables[string] | VariableDeclaration>(variables)) {
    const text = plainText(given);
    const reason = text === undefined ? undefined : looksLikeCredential(name, text);
    if (reason === undefined) continue;
    throw invalidArgument(
      `${name} looks like a secret (${reason}): an environment takes secret({ file: … }) or ` +
        'secret({ prompt: … }), a template declares isSecret: true; plain: true says that it is none',
    );
  }
}

/** The text that stands in the source, unless it is said to be no secret. */
function plainText(given: Variables[string] | VariableDeclaration): string | undefined {
  if (typeof given === 'string') return given;
  if (given instanceof Secret || !('value' in given) || given.plain) return undefined;
  return given.value instanceof Secret ? undefined : given.value;
}
