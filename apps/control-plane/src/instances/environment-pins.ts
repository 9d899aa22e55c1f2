import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type Kind, metadataOf, type Resource } from '../resources/kind';
import { AGENT_INSTANCE, WORKFLOW_INSTANCE } from '../resources/kinds';
import { namesOfEnvironment, type ResourceStore } from '../resources/resources.store';

/** Which environment, as its users may call it. */
export interface PinnedEnvironment {
  readonly org: string;
  readonly id: string;
  readonly slug: string;
}

/** The versions of an environment that instances name in their references, each once, however many they are. */
export async function pinnedVersions(
  store: Pick<ResourceStore, 'instancesOfEnvironment'>,
  { org, id, slug }: PinnedEnvironment,
): Promise<readonly string[]> {
  const names = namesOfEnvironment(id, slug);
  const versions = new Set<string>();
  const collect = async <R extends Resource>(
    kind: Kind<R>,
    referencesOf: (instance: R) => readonly ApiResourceReference[] | undefined,
  ): Promise<void> => {
    let after: string | undefined = '';
    while (after !== undefined) {
      const page: readonly R[] = await store.instancesOfEnvironment(kind, org, names, after);
      for (const reference of page.flatMap((instance) => referencesOf(instance) ?? [])) {
        if (names.includes(reference.slug)) versions.add(reference.version);
      }
      const last = page.at(-1);
      after = last && metadataOf(last).id;
    }
  };
  await collect(AGENT_INSTANCE, ({ spec }) => spec?.environmentRefs);
  await collect(WORKFLOW_INSTANCE, ({ spec }) => spec?.envRefs);
  return [...versions].filter((version) => version !== '' && version !== 'latest').sort();
}
