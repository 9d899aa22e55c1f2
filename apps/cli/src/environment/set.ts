import { create } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { DomainError, isWeakSecret } from '@stigmer/domain';
import {
  EnvironmentSpecSchema,
  EnvironmentValueSchema,
  type EnvironmentSpec,
  type EnvironmentValue,
} from '@stigmer/proto/agentic/environment/v1/spec';
import { withServer } from '../client';
import type { Context } from '../context';
import { UsageError } from '../usage-error';
import { canPrompt } from '../variables/prompt';
import { readSecret } from '../variables/read-secret';
import { warnOfWeakSecret } from '../variables/weak-secret';
import { readAssignments, type Assignment } from './assignments';
import { editEnvironment, findEnvironment } from './edit';
import { parseExpiry } from './expiry';
import { printEdited } from './print-edited';

export interface SetFlags {
  readonly secret: readonly string[];
  readonly plain: boolean;
  readonly final?: boolean;
  readonly expires?: string;
  readonly description?: string;
  readonly message: string;
  readonly create: boolean;
}

/** What is said about every variable that is set; what is not said stays as it was. */
interface Attributes {
  readonly final?: boolean;
  readonly expiry?: { readonly at: Timestamp | undefined };
  readonly description?: string;
}

type Values = ReadonlyMap<string, string>;

/** Sets variables of one environment and leaves the others alone. */
export async function set(
  context: Context,
  name: string,
  words: readonly string[],
  flags: SetFlags,
): Promise<void> {
  const attributes = attributesOf(flags);
  const assignments = readAssignments(words, { ...flags, attributes: Object.keys(attributes).length > 0 });
  refuseWithoutTerminal(context, assignments);
  const edited = await withServer(context, async (server) => {
    const found = await findEnvironment(server, name, flags.create);
    // Whatever can be refused is, before anybody is asked for a secret.
    assertSettable(found?.spec ?? create(EnvironmentSpecSchema), assignments, flags.plain);
    const secrets = await readSecrets(context, assignments);
    return editEnvironment(
      server,
      name,
      (spec) => {
        assertSettable(spec, assignments, flags.plain);
        return withAssignments(spec, assignments, secrets, attributes);
      },
      flags,
    );
  });
  await printEdited(context, edited);
}

function attributesOf({ final, expires, description }: SetFlags): Attributes {
  return {
    ...(final !== undefined && { final }),
    ...(expires !== undefined && { expiry: { at: parseExpiry(expires, new Date()) } }),
    ...(description !== undefined && { description }),
  };
}

function refuseWithoutTerminal(context: Context, assignments: readonly Assignment[]): void {
  const asked = assignments.filter((given) => given.kind === 'secret' && given.from.kind === 'prompt');
  if (asked.length === 0 || canPrompt(context.io)) return;
  throw new UsageError(
    `there is no terminal to ask for ${asked.map(({ name }) => name).join(', ')}`,
    'give the value with --secret KEY=@FILE or --secret KEY=-',
  );
}

/** Refuses what the command line may not do to an environment like this. */
function assertSettable({ data }: EnvironmentSpec, assignments: readonly Assignment[], plain: boolean): void {
  for (const [index, { name, kind }] of assignments.entries()) {
    const stored = Object.hasOwn(data, name) ? data[name] : undefined;
    if (kind === 'kept' && stored === undefined) {
      // What was meant for a value may stand here: it is counted, not quoted.
      throw new DomainError('not-found', `argument number ${index + 1} names no variable of the environment`);
    }
    if (kind === 'plain' && stored?.isSecret === true && !plain) {
      throw new UsageError(
        `${name} is a secret in this environment, and other users can read the command line`,
        `give it with --secret ${name}, ${name}=@FILE or ${name}=-; with --plain it is no secret any more`,
      );
    }
  }
}

async function readSecrets(context: Context, assignments: readonly Assignment[]): Promise<Values> {
  const values = new Map<string, string>();
  for (const assignment of assignments) {
    if (assignment.kind !== 'secret') continue;
    const value = await readSecret(context, assignment.name, assignment.from);
    if (value !== '' && isWeakSecret(value)) warnOfWeakSecret(context, assignment.name);
    values.set(assignment.name, value);
  }
  return values;
}

function withAssignments(
  spec: EnvironmentSpec,
  assignments: readonly Assignment[],
  secrets: Values,
  { final, expiry, description }: Attributes,
): EnvironmentSpec {
  const set = assignments.map((assignment): readonly [string, EnvironmentValue] => {
    const stored = spec.data[assignment.name] ?? create(EnvironmentValueSchema);
    const value = {
      ...stored,
      ...valueOf(assignment, secrets),
      ...(final !== undefined && { final }),
      ...(expiry !== undefined && { expiresAt: expiry.at }),
      ...(description !== undefined && { description }),
    };
    return [assignment.name, value];
  });
  return { ...spec, data: { ...spec.data, ...Object.fromEntries(set) } };
}

function valueOf(assignment: Assignment, secrets: Values): Partial<EnvironmentValue> {
  switch (assignment.kind) {
    case 'plain':
      return { value: assignment.value, isSecret: false };
    case 'secret':
      return { value: secrets.get(assignment.name) ?? '', isSecret: true };
    case 'kept':
      return {};
  }
}
