import { z } from 'zod';

const schema = z.object({
  ONLY: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((name) => name !== '')),
  SECONDS: z.coerce.number().positive().default(5),
  RUNS: z.coerce.number().int().positive().default(3),
  CONNECTIONS: z.coerce.number().int().positive().default(16),
  ENVIRONMENTS: z.coerce.number().int().min(1_000).default(1_000_000),
  PROFILE: z.string().optional(),
  VAULT_ADDR: z.url({ protocol: /^http$/ }).optional(),
  VAULT_TOKEN: z.string().optional(),
});

/** How a run of the bench was asked for. */
export interface BenchConfig {
  /** Names of figures, or what they begin with; none means all but the slow ones. */
  readonly only: readonly string[];
  readonly seconds: number;
  readonly runs: number;
  readonly connections: number;
  /** How many the largest collection has. */
  readonly environments: number;
  /** A folder for processor profiles of the services, if any are wanted. */
  readonly profile: string | undefined;
  /** A Vault to be measured beside. */
  readonly vault: { readonly address: string; readonly token: string } | undefined;
}

/** Reads `make bench ONLY=… SECONDS=… RUNS=…`, which hands on what was not given as empty. */
export function readBenchConfig(variables: NodeJS.ProcessEnv = process.env): BenchConfig {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const { ONLY, SECONDS, RUNS, CONNECTIONS, ENVIRONMENTS, PROFILE, VAULT_ADDR, VAULT_TOKEN } =
    schema.parse(given);
  return {
    only: ONLY,
    seconds: SECONDS,
    runs: RUNS,
    connections: CONNECTIONS,
    environments: ENVIRONMENTS,
    profile: PROFILE,
    vault: VAULT_ADDR && VAULT_TOKEN ? { address: VAULT_ADDR, token: VAULT_TOKEN } : undefined,
  };
}

/** What a started process sees of this one's environment. */
export function baseEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TZ } = process.env;
  return { PATH, HOME, LANG, TZ };
}
