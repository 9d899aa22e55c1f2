import type { DescService } from '@bufbuild/protobuf';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Module, type Type } from '@nestjs/common';
import { alreadyExists, notFound, REDACTED } from '@stigmer/domain';
import { freePort } from '@stigmer/embedded';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { type ResolveInput, Severity } from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import {
  ContextVault,
  type DestroyContextInput,
  type ListContextsInput,
  type RenewContextInput,
} from '@stigmer/proto/internal/v1/context_vault';
import {
  type PreparedRunSchema,
  type PrepareRunInput,
  RunResolver,
} from '@stigmer/proto/internal/v1/run_resolver';
import {
  createLogger,
  GrpcController,
  type RpcHandlers,
  type RunningService,
  type ServiceName,
  start,
} from '@stigmer/service';
import type { TestIdentities } from '@stigmer/service/testing';

interface HeldContext {
  readonly creator: string;
  readonly digest: string;
  readonly values: ReadonlyMap<string, string>;
  readonly createdAt: Date;
  expiresAt: Date;
}

/** What the services on the far side hold, were asked, and are told to do. */
export const farSide = {
  environments: new Set<string>(),
  contexts: new Map<string, HeldContext>(),
  explained: [] as ResolveInput[],
  prepared: [] as PrepareRunInput[],
  renewed: [] as string[],
  /** What the resolver says of a prepared run. */
  prepares: {} as Pick<MessageInitShape<typeof PreparedRunSchema>, 'variables' | 'warnings'>,
  /** Called before the work of the rpc: throws to fail it. */
  before: {} as Partial<Record<'explain' | 'prepare' | 'destroy', () => void>>,
  /** Called after the context was made and before the answer goes out. */
  afterPrepare: undefined as (() => void) | undefined,
};

/** Everything as at the start, for the next test. */
export function resetFarSide(): void {
  farSide.environments.clear();
  farSide.contexts.clear();
  farSide.explained.length = 0;
  farSide.prepared.length = 0;
  farSide.renewed.length = 0;
  farSide.prepares = {};
  farSide.before = {};
  farSide.afterPrepare = undefined;
}

/** A context that belongs to no execution, or to one that has ended. */
export function holdContext(executionId: string, createdAt: Date): void {
  const expiresAt = new Date(Date.now() + 3_600_000);
  farSide.contexts.set(executionId, { creator: 'test', digest: '', values: new Map(), createdAt, expiresAt });
}

@GrpcController(EnvironmentQueryController)
class Environments implements RpcHandlers<typeof EnvironmentQueryController> {
  getByReference({ slug, org, version }: ApiResourceReference) {
    const ref = version === '' ? slug : `${slug}@${version}`;
    if (!farSide.environments.has(`${org}/${ref}`)) throw notFound('Environment', ref);
    return Promise.resolve(create(EnvironmentSchema, { metadata: { id: `env-${slug}`, slug, org } }));
  }
  get(): never {
    throw new Error('not asked for');
  }
  getSecretValue(): never {
    throw new Error('the control-plane asks for no value');
  }
  list(): never {
    throw new Error('not asked for');
  }
  history(): never {
    throw new Error('not asked for');
  }
  diff(): never {
    throw new Error('not asked for');
  }
  importers(): never {
    throw new Error('not asked for');
  }
}

@GrpcController(ResolverQueryController)
class Explanations implements RpcHandlers<typeof ResolverQueryController> {
  explain(input: ResolveInput) {
    farSide.before.explain?.();
    farSide.explained.push(input);
    const declared = Object.entries(input.template?.envSpec?.data ?? {});
    const missing = declared.filter(
      ([name, { value, optional }]) => value === '' && !optional && !(name in input.runtimeEnv),
    );
    const secrets = declared.filter(([, { isSecret }]) => isSecret).map(([name]) => name);
    const variables = Object.entries(input.runtimeEnv).map(([name, { isSecret }]) => {
      const secret = isSecret || secrets.includes(name);
      return [name, { value: secret ? REDACTED : '', isSecret: secret }] as const;
    });
    return Promise.resolve({
      variables: Object.fromEntries(variables),
      diagnostics: missing.map(([variable]) => ({
        code: 'missing-variable',
        severity: Severity.ERROR,
        variable,
        message: `${variable} has no value`,
      })),
    });
  }
  check(): never {
    throw new Error('not asked for');
  }
}

@GrpcController(RunResolver)
class Runs implements RpcHandlers<typeof RunResolver> {
  prepare(input: PrepareRunInput) {
    farSide.before.prepare?.();
    farSide.prepared.push(input);
    const digest = Buffer.from(input.requestDigest).toString('hex');
    const held = farSide.contexts.get(input.executionId);
    if (held !== undefined && (held.digest !== digest || held.creator !== input.creator)) {
      throw alreadyExists('ExecutionContext already exists');
    }
    const context = held ?? {
      creator: input.creator,
      digest,
      values: new Map(Object.entries(input.runtimeEnv).map(([name, { value }]) => [name, value])),
      createdAt: new Date(),
      expiresAt: dateOf(input.expiresAt),
    };
    farSide.contexts.set(input.executionId, context);
    farSide.afterPrepare?.();
    return Promise.resolve({
      ...farSide.prepares,
      contextId: `exec-${input.executionId}`,
      expiresAt: timestampFromDate(context.expiresAt),
    });
  }
}

@GrpcController(ContextVault)
class Vault implements RpcHandlers<typeof ContextVault> {
  create(): never {
    throw new Error('the control-plane makes no context');
  }
  renew({ executionId, expiresAt }: RenewContextInput) {
    const context = farSide.contexts.get(executionId);
    if (context === undefined) throw notFound('ExecutionContext', executionId);
    context.expiresAt = dateOf(expiresAt);
    farSide.renewed.push(executionId);
    return Promise.resolve({ expiresAt });
  }
  destroy({ executionId }: DestroyContextInput) {
    farSide.before.destroy?.();
    return Promise.resolve({ existed: farSide.contexts.delete(executionId) });
  }
  list({ createdBefore }: ListContextsInput) {
    const before = dateOf(createdBefore);
    const items = [...farSide.contexts]
      .filter(([, { createdAt }]) => createdAt < before)
      .map(([executionId]) => ({ executionId }));
    return Promise.resolve({ items });
  }
}

@Module({})
class FarSideModule {}

/** The services on the far side, over real gRPC with real identities. */
export async function startFarSides(keys: TestIdentities) {
  const environments = await serveFake(
    keys,
    'environment-service',
    [EnvironmentQueryController],
    [Environments],
  );
  const resolver = await serveFake(
    keys,
    'resolver-service',
    [ResolverQueryController, RunResolver],
    [Explanations, Runs],
  );
  const contexts = await serveFake(keys, 'execution-context-service', [ContextVault], [Vault]);
  const all = [environments, resolver, contexts];
  return {
    environments: environments.address,
    resolver: resolver.address,
    contexts: contexts.address,
    close: async () => {
      await Promise.all(all.map(({ running }) => running.close()));
    },
  };
}

async function serveFake(
  keys: TestIdentities,
  name: ServiceName,
  services: readonly DescService[],
  controllers: Type[],
): Promise<{ readonly address: string; readonly running: RunningService }> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = {
    STIGMER_LISTEN: address,
    STIGMER_IDENTITY_KEY: keys.identity(name),
    STIGMER_TRUSTED_IDENTITIES: keys.trusted,
    STIGMER_LOG_LEVEL: 'silent',
  } as const;
  const running = await start({
    name,
    services,
    config,
    module: { module: FarSideModule, controllers },
    log: createLogger(name, 'silent'),
  });
  return { address, running };
}

function dateOf(time: Timestamp | undefined): Date {
  return time === undefined ? new Date(0) : timestampDate(time);
}
