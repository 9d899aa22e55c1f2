import { parseKey, parseKeys } from '@stigmer/crypto';
import { address, parsed, serviceConfig } from '@stigmer/service';
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
  STIGMER_ENVIRONMENT_ENCRYPTION_KEY: parsed(parseKey, 'must be base64 of exactly 32 bytes').meta({
    description: 'The key that wraps the data keys of environments: base64 of 32 bytes.',
  }),
  STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS: parsed(parseKeys, 'must be base64 keys of exactly 32 bytes')
    .optional()
    .meta({ description: 'Earlier keys, for reading alone; separated by commas or white space.' }),
});

export type EnvironmentConfig = z.infer<typeof environmentConfig>;
