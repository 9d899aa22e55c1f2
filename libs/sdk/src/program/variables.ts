import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
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
  /** No later layer of a run may give this variable another value. */
  readonly final?: boolean;
  /** A run that would get the value after that moment is refused. As a text: RFC 3339. */
  readonly expiresAt?: Date | string;
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
export async function variablesSpec(variables: Variables, { reveal }: BuildContext) {
  const data: [string, MessageInitShape<typeof EnvironmentValueSchema>][] = [];
  for (const [name, given] of Object.entries(variables)) {
    const variable: Variable =
      typeof given === 'string' || given instanceof Secret ? { value: given } : given;
    const { description = '', final = false } = variable;
    const isSecret = variable.value instanceof Secret;
    const value = variable.value instanceof Secret ? await reveal(variable.value) : variable.value;
    data.push([name, { value, isSecret, description, final, ...expiryOf(name, variable) }]);
  }
  return Object.fromEntries(data);
}

function expiryOf(name: string, { expiresAt }: Variable) {
  if (expiresAt === undefined) return {};
  const date = typeof expiresAt === 'string' ? parsedTime(expiresAt) : expiresAt;
  if (Number.isNaN(date.getTime())) {
    throw invalidArgument(`${name}: expiresAt has to be a Date or a time such as 2027-01-31T00:00:00Z`);
  }
  return { expiresAt: timestampFromDate(date) };
}

/** With its offset: a time without one would mean another moment on every machine. */
function parsedTime(text: string): Date {
  return new Date(/T.*(Z|[+-]\d{2}:\d{2})$/.test(text) ? text : Number.NaN);
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
