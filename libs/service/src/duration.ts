import { z } from 'zod';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time in a configuration, as people write it: `500ms`, `30s`, `5m`, `24h`, `7d`. Parsed into milliseconds. */
export const duration = z
  .string()
  .regex(
    /^0*[1-9]\d{0,8}(ms|s|m|h|d)$/,
    'must be a number above 0 and a unit (ms, s, m, h or d), as in 30s, 24h or 7d',
  )
  .transform((text) => Number.parseInt(text, 10) * UNITS[text.replace(/^\d+/, '') as keyof typeof UNITS]);
