import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { serve } from '@stigmer/service';
import { resolverConfig } from './config';
import { ResolverModule } from './resolver.module';

void serve({
  name: 'resolver-service',
  services: [ResolverQueryController, RunResolver],
  schema: resolverConfig,
  module: (config) => ResolverModule.with(config),
});
