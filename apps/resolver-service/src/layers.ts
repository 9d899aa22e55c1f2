import type { Layer, LayerEntry } from '@stigmer/domain';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { Template } from '@stigmer/proto/agentic/resolver/v1/io';
import type { OpenedEnvironment } from '@stigmer/proto/internal/v1/environment_vault';

/** The layers of a run, lowest priority first: the template, the environments in order, the run itself. */
export function layersOf(
  template: Template,
  environments: readonly OpenedEnvironment[],
  runtimeEnv: Readonly<Record<string, ExecutionValue>>,
): readonly Layer[] {
  return [
    {
      source: { kind: 'template', name: template.name },
      entries: entriesOf(template.envSpec?.data ?? {}, declared),
    },
    ...environments.map(({ id, slug, revision, data }): Layer => ({
      source: { kind: 'environment', id, slug, revision },
      entries: entriesOf(data, stored),
    })),
    { source: { kind: 'runtime' }, entries: entriesOf(runtimeEnv, given) },
  ];
}

/** `optional` belongs to a declaration: it has no meaning for a value that an environment holds. */
function declared({ value, isSecret, description, optional }: EnvironmentValue): LayerEntry {
  return { text: value, secret: isSecret, description, optional };
}

function stored({ value, isSecret, description }: EnvironmentValue): LayerEntry {
  return { text: value, secret: isSecret, description };
}

function given({ value, isSecret }: ExecutionValue): LayerEntry {
  return { text: value, secret: isSecret };
}

function entriesOf<T>(
  data: Readonly<Record<string, T>>,
  toEntry: (value: T) => LayerEntry,
): Layer['entries'] {
  return new Map(Object.entries(data).map(([name, value]) => [name, toEntry(value)]));
}
