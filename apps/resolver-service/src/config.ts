import { address, serviceConfig } from '@stigmer/service';
import type { z } from 'zod';

/** The resolver's variables. */
export const resolverConfig = serviceConfig.extend({
  STIGMER_ENVIRONMENT_SERVICE: address.meta({ description: 'The address of the environment-service.' }),
  STIGMER_CONTEXT_SERVICE: address.meta({ description: 'The address of the execution-context-service.' }),
});

/** The resolver's parsed configuration. */
export type ResolverConfig = z.infer<typeof resolverConfig>;
