import { timestampMs } from '@bufbuild/protobuf/wkt';
import { checkVariables, invalidArguments, isInstant, quoteName, type Violation } from '@stigmer/domain';
import type { EnvironmentSpec, EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';

const FIELD = 'spec.env_spec.data';
const IMPORTS: Violation = {
  field: 'spec.env_spec.imports',
  description: 'a template imports nothing: let the instance refer to the environment',
};

/** What a template declares: legal names, sizes, and no secret that brings its value along. */
export function envSpecFaults(spec: EnvironmentSpec | undefined): readonly Violation[] {
  const entries = Object.entries(spec?.data ?? {});
  checkVariables(
    entries.map(([name, { value }]) => [name, value] as const),
    'environment',
    FIELD,
  );
  return [
    ...(spec !== undefined && spec.imports.length > 0 ? [IMPORTS] : []),
    ...entries.flatMap(([name, value]) => entryFaults(name, value)),
  ];
}

function entryFaults(
  name: string,
  { isSecret, value, final, expiresAt }: EnvironmentValue,
): readonly Violation[] {
  const field = `${FIELD}[${quoteName(name)}]`;
  if (isSecret && value !== '') {
    const description = `${name} is a secret: a template declares secrets and never carries their values; put the value into an environment`;
    return [{ field, description }];
  }
  const ofValue = 'is said of a value, and this only declares a variable';
  if (value === '' && final) return [{ field: `${field}.final`, description: ofValue }];
  if (value === '' && expiresAt !== undefined)
    return [{ field: `${field}.expires_at`, description: ofValue }];
  if (expiresAt !== undefined && !isInstant(timestampMs(expiresAt)))
    return [{ field: `${field}.expires_at`, description: 'must be in the years 1 to 9999' }];
  return [];
}

/** INVALID_ARGUMENT with all that is wrong, or nothing where nothing is. */
export function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidArguments(violations);
}
