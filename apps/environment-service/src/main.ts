import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { serve } from '@stigmer/service';
import { AppModule } from './app.module';
import { environmentConfig } from './config';

void serve({
  name: 'environment-service',
  services: [
    EnvironmentCommandController,
    EnvironmentQueryController,
    EnvironmentVault,
    EnvironmentKeyController,
  ],
  schema: environmentConfig,
  module: (config, log) => AppModule.create(config, log),
});
