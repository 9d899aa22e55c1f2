import { Module } from '@nestjs/common';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { freePort } from '@stigmer/embedded';
import { ContextVault, type CreateContextInput } from '@stigmer/proto/internal/v1/context_vault';
import {
  EnvironmentVault,
  type OpenEnvironmentsInput,
  type OpenedEnvironment,
  OpenedEnvironmentSchema,
} from '@stigmer/proto/internal/v1/environment_vault';
import { createLogger, GrpcController, type RpcHandlers, type RunningService, start } from '@stigmer/service';
import type { TestIdentities } from '@stigmer/service/testing';
import type { DescService } from '@bufbuild/protobuf';

/** What the services on the far side hold, and what they were asked. Reset by every test. */
export const farSide = {
  environments: new Map<string, OpenedEnvironment>(),
  opened: [] as OpenEnvironmentsInput[],
  created: [] as CreateContextInput[],
  importProblems: [] as { code: string; path: string[] }[],
  failure: undefined as Error | undefined,
  /** Answers are made at once and go out when this lets them. */
  gate: undefined as Promise<void> | undefined,
};

/** As it is before every test. */
export function resetFarSide(): void {
  farSide.environments.clear();
  farSide.opened.length = 0;
  farSide.created.length = 0;
  farSide.importProblems = [];
  farSide.failure = undefined;
  farSide.gate = undefined;
}

/** Puts an environment into the far side, under its slug. */
export function hold(
  init: MessageInitShape<typeof OpenedEnvironmentSchema> & { readonly slug: string },
): void {
  farSide.environments.set(init.slug, create(OpenedEnvironmentSchema, init));
}

@GrpcController(EnvironmentVault)
class Environments implements RpcHandlers<typeof EnvironmentVault> {
  async open(input: OpenEnvironmentsInput) {
    farSide.opened.push(input);
    if (farSide.failure !== undefined) throw farSide.failure;
    const found = input.references.flatMap(({ slug }) => farSide.environments.get(slug) ?? []);
    const missing = input.references.filter(({ slug }) => !farSide.environments.has(slug));
    const { importProblems } = farSide;
    const environments = input.redacted ? found.map(withoutSecrets) : found;
    await farSide.gate;
    return { environments, missing, importProblems };
  }
}

@GrpcController(ContextVault)
class Contexts implements Pick<RpcHandlers<typeof ContextVault>, 'create'> {
  create(input: CreateContextInput) {
    farSide.created.push(input);
    return Promise.resolve({ id: 'exec-1', expiresAt: input.expiresAt, created: true });
  }
  renew(): never {
    throw new Error('the resolver may not renew');
  }
  destroy(): never {
    throw new Error('the resolver may not destroy');
  }
  list(): never {
    throw new Error('the resolver may not list');
  }
}

function withoutSecrets(environment: OpenedEnvironment): OpenedEnvironment {
  const { data } = environment;
  const redacted = Object.entries(data).map(([key, value]) => [
    key,
    value.isSecret ? { ...value, value: '' } : value,
  ]);
  const secretBytes = Object.entries(data)
    .filter(([, { isSecret }]) => isSecret)
    .map(([key, { value }]) => [key, Buffer.byteLength(value)] as const);
  return create(OpenedEnvironmentSchema, {
    ...environment,
    data: Object.fromEntries(redacted) as OpenedEnvironment['data'],
    secretBytes: Object.fromEntries(secretBytes),
  });
}

@Module({ controllers: [Environments] })
class EnvironmentsModule {}

@Module({ controllers: [Contexts] })
class ContextsModule {}

/** Starts both far sides on real ports, behind the real identity guard and the real table of callers. */
export async function startFarSides(keys: TestIdentities) {
  const environments = await startOne('environment-service', EnvironmentVault, EnvironmentsModule, keys);
  const contexts = await startOne('execution-context-service', ContextVault, ContextsModule, keys);
  return {
    environments: environments.address,
    contexts: contexts.address,
    close: async () => {
      await Promise.all([environments.service.close(), contexts.service.close()]);
    },
  };
}

async function startOne(
  name: 'environment-service' | 'execution-context-service',
  service: DescService,
  module: new () => object,
  keys: TestIdentities,
): Promise<{ readonly address: string; readonly service: RunningService }> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = {
    STIGMER_LISTEN: address,
    STIGMER_IDENTITY_KEY: keys.identity(name),
    STIGMER_TRUSTED_IDENTITIES: keys.trusted,
    STIGMER_LOG_LEVEL: 'silent',
  } as const;
  const log = createLogger(name, 'silent');
  return { address, service: await start({ name, services: [service], config, module, log }) };
}
