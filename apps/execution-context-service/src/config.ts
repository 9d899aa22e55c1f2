import { parseKey, parseKeys } from '@stigmer/crypto';
import { parsed, serviceConfig } from '@stigmer/service';
import { z } from 'zod';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The configuration of the execution context service; each variable is also read from `<NAME>_FILE`. */
export const contextConfig = serviceConfig.extend({
  STIGMER_MONGODB_URL: z.string().min(1).meta({ description: 'The MongoDB server that stores contexts.' }),
  STIGMER_CONTEXT_ENCRYPTION_KEY: parsed(parseKey, 'must be base64 of exactly 32 bytes').meta({
    description: 'The key that wraps the data keys of contexts: base64 of 32 bytes.',
  }),
  STIGMER_CONTEXT_ENCRYPTION_KEY_PREVIOUS: parsed(parseKeys, 'must be base64 keys of exactly 32 bytes')
    .optional()
    .meta({ description: 'Earlier keys, for reading alone; separated by commas or white space.' }),
  STIGMER_CONTEXT_MAX_LIFETIME: z
    .string()
    .regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, 'must be a number and a unit, as in 30s, 24h or 7d')
    .transform((text) => Number.parseInt(text, 10) * UNITS[text.replace(/^\d+/, '') as keyof typeof UNITS])
    .prefault('7d')
    .meta({ description: "The longest that a run's context may live, renewals included, as in 7d." }),
});

export type ContextConfig = z.infer<typeof contextConfig>;
