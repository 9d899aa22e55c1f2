import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { address, serviceConfig } from '@stigmer/service/plain';
import { z } from 'zod';
import type { ModelSettings } from './agent/model';
import type { Surroundings } from './mcp/launch';

const seconds = z.coerce.number().int().positive();

/** The runner's variables. It holds no key of the stores: it sees secrets only while an activity runs. */
export const runnerConfig = serviceConfig.extend({
  STIGMER_TEMPORAL_ADDRESS: address
    .default('127.0.0.1:7233')
    .meta({ description: 'Temporal’s frontend, as host:port.' }),
  STIGMER_TEMPORAL_NAMESPACE: z
    .string()
    .default('default')
    .meta({ description: 'The Temporal namespace of the runs.' }),
  STIGMER_CONTEXT_SERVICE: address.meta({ description: 'The execution-context-service, as host:port.' }),
  STIGMER_CONTROL_PLANE: address.meta({ description: 'The control-plane, as host:port.' }),
  STIGMER_MODEL_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        'The base URL of an OpenAI-compatible endpoint, with `/v1`; without it, only runs that bring their own OPENAI_BASE_URL can use a model.',
    }),
  STIGMER_MODEL_NAME: z
    .string()
    .default('default')
    .meta({ description: 'The model of executions that name none.' }),
  STIGMER_MODEL_API_KEY: z.string().optional().meta({
    description: 'The key for STIGMER_MODEL_URL, for runs that bring none of their own.',
    fileOnly: true,
  }),
  STIGMER_AGENT_MAX_TURNS: z.coerce.number().int().positive().default(50).meta({
    description: 'How often an agent may ask its model in one execution.',
  }),
  STIGMER_AGENT_TIME_LIMIT: seconds
    .max(24 * 3600)
    .default(3_600)
    .meta({
      description: 'Seconds after which an agent execution fails.',
    }),
  STIGMER_WORKFLOW_TIME_LIMIT: seconds.default(7 * 24 * 3600).meta({
    description: 'Seconds after which a workflow execution fails, its waits included.',
  }),
  STIGMER_AGENT_HOMES: z
    .string()
    .default(join(homedir(), '.stigmer', 'homes'))
    .meta({
      description: 'The folder under which each agent and workflow has the HOME of its MCP servers.',
    }),
});

export type RunnerConfig = z.infer<typeof runnerConfig>;

/** What a child process may have of this one's surroundings; the only variables of ours that reach one. */
export function surroundingsOf(config: RunnerConfig): Surroundings {
  const { PATH, LANG, DOCKER_HOST } = process.env;
  return {
    path: PATH ?? '/usr/local/bin:/usr/bin:/bin',
    lang: LANG ?? 'C.UTF-8',
    tmpdir: tmpdir(),
    homes: config.STIGMER_AGENT_HOMES,
    ...(DOCKER_HOST === undefined ? {} : { dockerHost: DOCKER_HOST }),
  };
}

export function modelSettingsOf(config: RunnerConfig): ModelSettings {
  const { STIGMER_MODEL_URL: url, STIGMER_MODEL_NAME: name, STIGMER_MODEL_API_KEY: apiKey } = config;
  return { name, ...(url === undefined ? {} : { url }), ...(apiKey === undefined ? {} : { apiKey }) };
}
