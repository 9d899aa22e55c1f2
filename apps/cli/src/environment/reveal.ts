import { aborted } from '@stigmer/domain';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { Stigmer } from '@stigmer/sdk';
import { UsageError } from '../usage-error';
import type { FileContent } from './formats/format';
import { environmentReference, type VersionedName } from './reference';

/** So many secrets are asked for at a time. */
const AT_ONCE = 8;
/** How often everything is read again because somebody wrote meanwhile. */
const ATTEMPTS = 5;

/**
 * All variables of an environment with the values of its secrets, which the server reveals one by one to the owner and
 * logs. They are of one version: whatever was written meanwhile, all of them are read again.
 */
export async function withSecrets(server: Stigmer, name: VersionedName): Promise<FileContent> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const environment = await server.environments.getByReference(environmentReference(server.org, name));
    const { id = '', slug = name.name } = environment.metadata ?? {};
    if (name.version !== '' && !(await isCurrent(server, environment))) {
      throw new UsageError(
        'secrets can be read at the current version only',
        `\`stigmer environment rollback ${slug} ${name.version}\` brings this one back`,
      );
    }
    const variables = await reveal(server, id, environment);
    if (await isCurrent(server, environment)) return { slug, variables, omitted: [] };
  }
  throw aborted('the environment was changed again and again while its secrets were read');
}

async function isCurrent(server: Stigmer, { metadata }: Environment): Promise<boolean> {
  const now = await server.environments.get({ value: metadata?.id ?? '' });
  return now.metadata?.version?.id === metadata?.version?.id;
}

async function reveal(
  server: Stigmer,
  environmentId: string,
  { spec }: Environment,
): Promise<FileContent['variables']> {
  const data = Object.entries(spec?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const revealed: (readonly [string, string])[] = [];
  for (let from = 0; from < data.length; from += AT_ONCE) {
    const some = data.slice(from, from + AT_ONCE).map(async ([key, { value, isSecret }]) => {
      const shown = isSecret ? await server.environments.getSecretValue({ environmentId, key }) : { value };
      return [key, shown.value] as const;
    });
    revealed.push(...(await Promise.all(some)));
  }
  return revealed;
}
