import { Module } from '@nestjs/common';
import { runProcess, start } from '@stigmer/service';
import { closeClients, createClients } from './clients';
import { modelSettingsOf, runnerConfig, surroundingsOf } from './config';
import { startRunner } from './worker';

/** A worker serves no rpc of its own; it listens so that health checks reach it as they reach every other part. */
@Module({})
class HealthModule {}

void runProcess('workflow-runner', runnerConfig, async (config, log) => {
  const addresses = {
    contextService: config.STIGMER_CONTEXT_SERVICE,
    controlPlane: config.STIGMER_CONTROL_PLANE,
  };
  const clients = createClients(addresses, config.STIGMER_IDENTITY_KEY);
  const runner = await startRunner({
    temporalAddress: config.STIGMER_TEMPORAL_ADDRESS,
    temporalNamespace: config.STIGMER_TEMPORAL_NAMESPACE,
    clients,
    surroundings: surroundingsOf(config),
    model: modelSettingsOf(config),
    maxTurns: config.STIGMER_AGENT_MAX_TURNS,
    agentTimeLimitSeconds: config.STIGMER_AGENT_TIME_LIMIT,
    workflowTimeLimitSeconds: config.STIGMER_WORKFLOW_TIME_LIMIT,
    log,
  });
  runner.stopped.catch((error: unknown) => {
    log.fatal({ err: error }, 'a worker broke down');
    process.exit(1);
  });
  const health = await start({ name: 'workflow-runner', services: [], config, module: HealthModule, log });
  return {
    async close() {
      await Promise.all([health.close(), runner.stop()]);
      closeClients(clients);
    },
  };
});
