import { checkVariables, invalidArguments, quoteName, type Violation } from '@stigmer/domain';
import type { EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';

const FIELD = 'spec.env_spec.data';

/** What a template declares: legal names, sizes, and no secret that brings its value along. */
export function envSpecFaults(spec: EnvironmentSpec | undefined): readonly Violation[] {
  const entries = Object.entries(spec?.data ?? {});
  checkVariables(
    entries.map(([name, { value }]) => [name, value] as const),
    'environment',
    FIELD,
  );
  return entries
    .filter(([, { isSecret, value }]) => isSecret && value !== '')
    .map(([name]) => ({
      field: `${FIELD}[${quoteName(name)}]`,
      description: `${name} is a secret: a template declares secrets and never carries their values; put the value into an environment`,
    }));
}

/** INVALID_ARGUMENT with all that is wrong, or nothing where nothing is. */
export function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidArguments(violations);
}
