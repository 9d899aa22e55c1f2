import { address, duration, serviceConfig } from '@stigmer/service';
import { z } from 'zod';

export const controlPlaneConfig = serviceConfig.extend({
  STIGMER_MONGODB_URL: z.string().min(1).meta({ description: 'The MongoDB of the control-plane.' }),
  STIGMER_REDIS_URL: z
    .string()
    .min(1)
    .meta({ description: 'Redis, the bus of hints that an execution has changed.' }),
  STIGMER_TEMPORAL_ADDRESS: address.meta({ description: "Temporal's frontend, as host:port." }),
  STIGMER_TEMPORAL_NAMESPACE: z
    .string()
    .min(1)
    .default('default')
    .meta({ description: 'The namespace of the runs.' }),
  STIGMER_ENVIRONMENT_SERVICE: address.meta({ description: 'The address of the environment-service.' }),
  STIGMER_CONTEXT_SERVICE: address.meta({ description: 'The address of the execution-context-service.' }),
  STIGMER_RESOLVER_SERVICE: address.meta({ description: 'The address of the resolver-service.' }),
  STIGMER_CONTEXT_MAX_LIFETIME: duration
    .prefault('7d')
    .meta({ description: "The longest that a run's context may live, renewals included, as in 7d." }),
  STIGMER_SWEEP_INTERVAL: duration
    .prefault('30s')
    .meta({ description: 'How often the sweep settles what a crash left behind, as in 30s.' }),
  STIGMER_START_GRACE: duration
    .prefault('30s')
    .meta({ description: 'How long a start may take before the sweep thinks it interrupted, as in 30s.' }),
});

export type ControlPlaneConfig = z.infer<typeof controlPlaneConfig>;
