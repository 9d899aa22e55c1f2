import { timestampMs } from '@bufbuild/protobuf/wkt';
import { invalidArguments, isInstant, type Layer, type LayerEntry, quoteName } from '@stigmer/domain';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { Template } from '@stigmer/proto/agentic/resolver/v1/io';

const IMPORTS = {
  field: 'template.env_spec.imports',
  description: 'a template imports nothing: import the environment where the run refers to one',
};
const RUNTIME = { kind: 'runtime' } as const;

/** The layers of a run, lowest priority first: the template, the environments in order, the run itself. */
export function layersOf(
  template: Template,
  environments: readonly Layer[],
  runtimeEnv: Readonly<Record<string, ExecutionValue>>,
): readonly Layer[] {
  if ((template.envSpec?.imports.length ?? 0) > 0) throw invalidArguments([IMPORTS]);
  return [
    {
      source: { kind: 'template', name: template.name },
      entries: entriesOf(template.envSpec?.data ?? {}, declared),
    },
    ...environments,
    { source: RUNTIME, entries: entriesOf(runtimeEnv, given) },
  ];
}

function declared(
  { value, isSecret, description, optional, final, expiresAt }: EnvironmentValue,
  name: string,
): LayerEntry {
  const expires = expiresAt === undefined ? undefined : timestampMs(expiresAt);
  if (expires !== undefined && !isInstant(expires)) throw noInstant(name);
  return { text: value, secret: isSecret, optional, description, final, expiresAt: expires };
}

function given({ value, isSecret }: ExecutionValue): LayerEntry {
  return {
    text: value,
    secret: isSecret,
    optional: undefined,
    description: '',
    final: false,
    expiresAt: undefined,
  };
}

function entriesOf<T>(
  data: Readonly<Record<string, T>>,
  toEntry: (value: T, name: string) => LayerEntry,
): Layer['entries'] {
  const entries = new Map<string, LayerEntry>();
  for (const [name, value] of Object.entries(data)) entries.set(name, toEntry(value, name));
  return entries;
}

function noInstant(name: string) {
  const field = `template.env_spec.data[${quoteName(name)}].expires_at`;
  return invalidArguments([{ field, description: 'must be in the years 1 to 9999' }]);
}
