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
  STIGMER_ENVIRONMENT_REVISIONS: z.coerce.number().int().min(1).max(100_000).default(100).meta({
    description:
      'So many of the newest versions of an environment are kept, and those with a tag or a pin; older ones are pruned by its writes.',
  }),
  STIGMER_ENVIRONMENT_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(1024 ** 3)
    .default(32 * 1024 * 1024)
    .meta({
      description:
        'So many bytes of memory hold the environments that were used last, sealed as they lie in the database; 0 keeps none.',
    }),
  STIGMER_ENVIRONMENT_OLDER_FORMS: z.enum(['read', 'refuse']).default('read').meta({
    description:
      'Environments from before they had a MAC: `refuse`, once `stigmer keys rewrap` has brought all of them to the form of now, so that none can be made to look like one.',
  }),
  STIGMER_REDIS_URL: z.string().min(1).optional().meta({
    description:
      'Redis, over which replicas tell each other which environments they have changed; without it a change is seen within two seconds.',
  }),
});

export type EnvironmentConfig = z.infer<typeof environmentConfig>;
