import { runProcess, startServer } from '@stigmer/service/plain';
import { closeClients, createClients } from './clients';
import { modelSettingsOf, runnerConfig, surroundingsOf } from './config';
import { throwOurs } from './rejections';
import { startRunner } from './worker';

void runProcess('workflow-runner', runnerConfig, async (config, log) => {
  process.on('unhandledRejection', throwOurs);
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
  // A worker serves no rpc of its own; it listens so that health checks reach it as they reach every other part.
  const health = await startServer({
    ...{ name: 'workflow-runner', services: [], controllers: new Map() },
    ...{ config, log },
  });
  return {
    async close() {
      await Promise.all([health.close(), runner.stop()]);
      closeClients(clients);
    },
  };
});
