import { keyConfig } from '@stigmer/keys';
import { duration, serviceConfig } from '@stigmer/service';
import { z } from 'zod';

/** The configuration of the execution context service; each variable is also read from `<NAME>_FILE`. */
export const contextConfig = serviceConfig.extend({
  STIGMER_MONGODB_URL: z.string().min(1).meta({ description: 'The MongoDB server that stores contexts.' }),
  ...keyConfig('CONTEXT'),
  STIGMER_CONTEXT_MAX_LIFETIME: duration
    .prefault('7d')
    .meta({ description: "The longest that a run's context may live, renewals included, as in 7d." }),
});

export type ContextConfig = z.infer<typeof contextConfig>;
