import type { OnModuleDestroy } from '@nestjs/common';
import type { EncodedGrpcClient, GrpcClient } from '@stigmer/proto';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { encodedServiceClient, serviceClient } from '@stigmer/service';
import type { ResolverConfig } from './config';

/** The two services that the resolver calls, and the only two that see it coming. */
export class Clients implements OnModuleDestroy {
  /** Its answers are read by `readOpened`. */
  readonly environments: EncodedGrpcClient<typeof EnvironmentVault>;
  readonly contexts: GrpcClient<typeof ContextVault>;

  constructor(config: ResolverConfig) {
    const identity = config.STIGMER_IDENTITY_KEY;
    this.environments = encodedServiceClient(EnvironmentVault, {
      address: config.STIGMER_ENVIRONMENT_SERVICE,
      audience: 'environment-service',
      identity,
    });
    this.contexts = serviceClient(ContextVault, {
      address: config.STIGMER_CONTEXT_SERVICE,
      audience: 'execution-context-service',
      identity,
    });
  }

  onModuleDestroy(): void {
    this.environments.close();
    this.contexts.close();
  }
}
