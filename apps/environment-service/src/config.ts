import { keyConfig } from '@stigmer/keys';
import { address, serviceConfig } from '@stigmer/service';
import { z } from 'zod';

/** The configuration of the environment service; each variable is also read from `<NAME>_FILE`. */
export const environmentConfig = serviceConfig.extend({
  STIGMER_MONGODB_URL: z
    .string()
    .min(1)
    .meta({ description: 'The MongoDB server that stores environments.' }),
  STIGMER_CONTROL_PLANE: address.meta({
    description: 'The control plane, which is asked who uses an environment before it is deleted.',
  }),
  ...keyConfig('ENVIRONMENT'),
});

export type EnvironmentConfig = z.infer<typeof environmentConfig>;
