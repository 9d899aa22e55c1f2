import { freePort } from '@stigmer/embedded';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { createLogger, type RunningService, start } from '@stigmer/service';
import type { TestIdentities } from '@stigmer/service/testing';
import { ResolverModule } from '../resolver.module';

/** Starts a resolver on a real port, before these two services. Everything that it logs goes to `write`. */
export async function startResolver(
  keys: TestIdentities,
  { environments, contexts }: { readonly environments: string; readonly contexts: string },
  write: (line: string) => void = () => undefined,
): Promise<{ readonly running: RunningService; readonly address: string }> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = {
    STIGMER_LISTEN: address,
    STIGMER_IDENTITY_KEY: keys.identity('resolver-service'),
    STIGMER_TRUSTED_IDENTITIES: keys.trusted,
    STIGMER_LOG_LEVEL: 'trace',
    STIGMER_ENVIRONMENT_SERVICE: environments,
    STIGMER_CONTEXT_SERVICE: contexts,
  } as const;
  const running = await start({
    name: 'resolver-service',
    services: [ResolverQueryController, RunResolver],
    config,
    module: ResolverModule.with(config),
    log: createLogger('resolver-service', 'trace', { write }),
  });
  return { running, address };
}
