import type { Stigmer } from '@stigmer/sdk';
import type { Resource } from '../resources/kinds';
import { UsageError } from '../usage-error';
import type { TemplateKind } from './templates';

/** What a run is of: the template, and the instance that binds it to environments. */
export interface Target<T extends Resource, I extends Resource> {
  readonly template: T;
  /** Undefined: the template's default instance, which has no environments. */
  readonly instance?: I;
  /** What the user should know about a choice that was made for them. */
  readonly note?: string;
}

/**
 * Finds what to run. `ref` names a template or an instance. Where no instance is named, the only one that somebody
 * made is meant; of several none is guessed: then it is the default instance, as for the server.
 */
export async function findTarget<T extends Resource, I extends Resource>(
  server: Stigmer,
  kind: TemplateKind<T, I>,
  ref: string,
  instanceRef?: string,
): Promise<Target<T, I>> {
  if (ref.startsWith(`${kind.instancePrefix}-`))
    return ofInstance(server, kind, await kind.instance(server, ref));
  const template = await kind.template(server, ref);
  if (instanceRef !== undefined) {
    const instance = await kind.instance(server, instanceRef);
    if (kind.templateIdOf(instance) === template.metadata?.id) return { template, instance };
    throw new UsageError(`${nameOf(instance)} is no instance of the ${kind.name} ${nameOf(template)}`);
  }
  const instances = await kind.instancesOf(server, template.metadata?.id ?? '');
  return { template, ...onlyOwn(instances, kind.defaultInstanceId(template)) };
}

async function ofInstance<T extends Resource, I extends Resource>(
  server: Stigmer,
  kind: TemplateKind<T, I>,
  instance: I,
) {
  return { template: await kind.template(server, kind.templateIdOf(instance)), instance };
}

function onlyOwn<I extends Resource>(
  instances: readonly I[],
  defaultId: string,
): Omit<Target<Resource, I>, 'template'> {
  const own = instances.filter(({ metadata }) => metadata?.id !== defaultId);
  const [instance, second] = own;
  if (!instance) return {};
  if (!second) return { instance, note: `instance ${nameOf(instance)}` };
  const names = own.map(nameOf).join(', ');
  return { note: `the default instance, without environments; --instance chooses another: ${names}` };
}

function nameOf({ metadata }: Resource): string {
  return metadata?.slug || metadata?.id || '';
}
