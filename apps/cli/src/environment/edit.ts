import { clone, create } from '@bufbuild/protobuf';
import { DomainError, slugify } from '@stigmer/domain';
import { EnvironmentSchema, type Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentSpecSchema, type EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import type { Stigmer } from '@stigmer/sdk';
import { API_VERSION } from '../resources/kinds';
import { reference } from '../resources/reference';
import { UsageError } from '../usage-error';

export interface EditOptions {
  /** Makes the environment where there is none. */
  readonly create: boolean;
  /** Why, for the history. */
  readonly message: string;
}

export interface Edited {
  /** Undefined where the environment was made. */
  readonly before: Environment | undefined;
  readonly after: Environment;
}

/** How often a change is made anew because somebody else's came first. */
const ATTEMPTS = 10;

/**
 * Changes an environment by writing it back as it was read, at the version that was read: secrets are `********` then
 * and stay what they are, and whatever somebody else wrote meanwhile is read again instead of being overwritten.
 */
export async function editEnvironment(
  server: Stigmer,
  name: string,
  change: (spec: EnvironmentSpec) => EnvironmentSpec,
  options: EditOptions,
): Promise<Edited> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await editOnce(server, name, change, options);
    } catch (error) {
      // Stale, or made by somebody else a moment ago.
      const raced =
        error instanceof DomainError && (error.kind === 'aborted' || error.kind === 'already-exists');
      if (!raced || attempt === ATTEMPTS) throw error;
    }
  }
}

async function editOnce(
  server: Stigmer,
  name: string,
  change: (spec: EnvironmentSpec) => EnvironmentSpec,
  { create: mayCreate, message }: EditOptions,
): Promise<Edited> {
  const before = await findEnvironment(server, name, mayCreate);
  const draft = before === undefined ? newEnvironment(server.org, name) : clone(EnvironmentSchema, before);
  draft.spec = change(draft.spec ?? create(EnvironmentSpecSchema));
  draft.status = undefined;
  if (draft.metadata?.version) draft.metadata.version.message = message;
  const { environments } = server;
  const after = await (before === undefined ? environments.create(draft) : environments.update(draft));
  return { before, after };
}

/** The environment; undefined where there is none and it may be made. */
export async function findEnvironment(
  server: Stigmer,
  name: string,
  mayCreate: boolean,
): Promise<Environment | undefined> {
  try {
    return await server.environments.getByReference(reference(server.org, 'Environment', name));
  } catch (error) {
    const absent = error instanceof DomainError && error.kind === 'not-found';
    if (absent && mayCreate) return undefined;
    throw error;
  }
}

function newEnvironment(org: string, name: string): Environment {
  // Another spelling would be made under another name than was looked for: `prod@3` as `prod3`.
  if (name === '' || slugify(name) !== name)
    throw new UsageError('a new environment is named by lower-case letters, digits and -');
  return create(EnvironmentSchema, {
    apiVersion: API_VERSION,
    kind: 'Environment',
    metadata: { name, org, ownerScope: ApiResourceOwnerScope.organization, version: { id: '' } },
  });
}
