import { ExecutionContextCommandController } from '@stigmer/proto/agentic/executioncontext/v1/command';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ContextKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { serve } from '@stigmer/service';
import { AppModule } from './app.module';
import { contextConfig } from './config';

void serve({
  name: 'execution-context-service',
  services: [
    ExecutionContextCommandController,
    ExecutionContextQueryController,
    ContextVault,
    ContextKeyController,
  ],
  schema: contextConfig,
  module: (config, log) => AppModule.create(config, log),
});
