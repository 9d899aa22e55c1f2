/** What a person may set for single parts; the supervisor gives each part those on its own list. */
const PASSED_ON = [
  'STIGMER_LOG_LEVEL',
  'STIGMER_CONTEXT_MAX_LIFETIME',
  'STIGMER_ENVIRONMENT_REVISIONS',
  'STIGMER_ENVIRONMENT_CACHE_BYTES',
  'STIGMER_ENVIRONMENT_OLDER_FORMS',
  'STIGMER_SWEEP_INTERVAL',
  'STIGMER_START_GRACE',
  'STIGMER_MODEL_URL',
  'STIGMER_MODEL_NAME',
  'STIGMER_MODEL_API_KEY_FILE',
  'STIGMER_AGENT_MAX_TURNS',
  'STIGMER_AGENT_TIME_LIMIT',
  'STIGMER_WORKFLOW_TIME_LIMIT',
  'DOCKER_HOST',
] as const;

export type PassedOn = (typeof PASSED_ON)[number];

/** What `server start` takes from its own environment; all else stays there. */
export interface ServerVariables {
  /** STIGMER_ENCRYPTION_KEY, the root key in base64. */
  readonly rootKey?: string;
  readonly passedOn: Readonly<Partial<Record<PassedOn, string>>>;
}

export function readServerVariables(env: NodeJS.ProcessEnv = process.env): ServerVariables {
  const passedOn = Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const rootKey = env['STIGMER_ENCRYPTION_KEY'];
  return rootKey === undefined || rootKey === '' ? { passedOn } : { passedOn, rootKey };
}

/** What every process needs to run at all. */
export function baseEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { PATH, LANG, TZ } = env;
  return { PATH, LANG, TZ };
}
