import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ConfigSchema, describeConfig, type VariableDocs } from '@stigmer/service';
import { repository } from './stigmer';

/** The page that this file writes: `npm run configuration --workspace @stigmer/e2e`. */
export const configurationPage = join(repository, 'docs/configuration.md');

/** Every service with the export of its `config.ts` that is its schema. */
const schemas = {
  gateway: 'gatewayConfig',
  'environment-service': 'environmentConfig',
  'execution-context-service': 'contextConfig',
  'resolver-service': 'resolverConfig',
  'control-plane': 'controlPlaneConfig',
  'workflow-runner': 'runnerConfig',
} as const;

export type Service = keyof typeof schemas;
export const services = Object.keys(schemas) as readonly Service[];

/** What the service's compiled schema says of each of its variables. */
export async function variablesOf(service: Service): Promise<readonly VariableDocs[]> {
  const path = join(repository, 'apps', service, 'dist/config.js');
  const module = (await import(path)) as Readonly<Record<string, ConfigSchema | undefined>>;
  const schema = module[schemas[service]];
  if (schema === undefined) throw new Error(`${path} does not export ${schemas[service]}`);
  return describeConfig(schema);
}

/** The whole page, from the schemas of all services. */
export async function renderConfiguration(): Promise<string> {
  const sections = await Promise.all(
    services.map(async (service) => `## ${service}\n\n${table(await variablesOf(service))}\n`),
  );
  return [introduction, ...sections, laptop].join('\n');
}

const introduction = `# Configuration

<!-- Generated from the schema in each service's config.ts by \`npm run configuration --workspace @stigmer/e2e\`. -->

Each service reads these environment variables once, at its start, and refuses to start with one message that names every
variable that is missing or wrong, and quotes no value.

- **Every variable can come from a file**: \`NAME_FILE\` names it. Giving both is an error.
- **A variable that is listed as \`NAME_FILE\` comes from a file only**: it is a secret, and a process's environment can be read
  by its children and by every process of the same user. \`NAME\` itself is refused, and so is a file that other users may
  read. Give the encryption keys, and a database's URL with a password in it, by a file too; of those the keys' files are
  refused in the same way.
- An empty variable counts as one that is not set.

\`stigmer server start\` sets all of this by itself. What a person may set for it, and for the CLI, is at the
[end of this page](#stigmer-on-a-laptop).
`;

/** By hand, since the CLI has flags for most of these and no schema; a test looks for every variable that it reads. */
const laptop = `## stigmer on a laptop

The CLI, in all commands. A flag wins over its variable.

| variable | default | what it is |
|---|---|---|
| \`STIGMER_ADDRESS\` | \`127.0.0.1:7234\` | The gateway, as host:port. Flag: \`--address\`. |
| \`STIGMER_ORG\` | \`default\` | The organization. Flag: \`--org\`. |
| \`STIGMER_HOME\` | \`~/.stigmer\` | Where \`server start\` keeps its data, keys and logs, and where the local token is. Flag: \`--home\`. |
| \`NO_COLOR\` | – | Set to anything: no colours. |

\`stigmer server start\` besides:

| variable | default | what it is |
|---|---|---|
| \`STIGMER_ENCRYPTION_KEY\` | \`~/.stigmer/encryption.key\` | The root key, base64 of 32 bytes. Without it the file is read, and made at the very first start. |
| \`STIGMER_VENV\` | \`.venv\` of this repository | Where the embedded MongoDB-wire server, Valkey and Temporal are installed. |
| \`DOCKER_HOST\` | – | Passed on to MCP servers that run in Docker. |

It passes these on to the service that reads them, and no other variable: \`STIGMER_LOG_LEVEL\`,
\`STIGMER_CONTEXT_MAX_LIFETIME\`, \`STIGMER_ENVIRONMENT_REVISIONS\`, \`STIGMER_ENVIRONMENT_CACHE_BYTES\`,
\`STIGMER_ENVIRONMENT_OLDER_FORMS\`,
\`STIGMER_SWEEP_INTERVAL\`, \`STIGMER_START_GRACE\`, \`STIGMER_MODEL_URL\`, \`STIGMER_MODEL_NAME\`,
\`STIGMER_MODEL_API_KEY_FILE\`, \`STIGMER_AGENT_MAX_TURNS\`, \`STIGMER_AGENT_TIME_LIMIT\`,
\`STIGMER_WORKFLOW_TIME_LIMIT\`.
`;

function table(variables: readonly VariableDocs[]): string {
  const rows = variables.map(
    (variable) => `| \`${nameOf(variable)}\` | ${defaultOf(variable)} | ${cell(variable.description)} |`,
  );
  return ['| variable | default | what it is |', '|---|---|---|', ...rows].join('\n');
}

function nameOf({ name, fileOnly }: VariableDocs): string {
  return fileOnly ? `${name}_FILE` : name;
}

function defaultOf({ required, default: value }: VariableDocs): string {
  if (required) return '**required**';
  // The page is the same on every machine.
  return value === undefined ? '–' : `\`${value.replace(homedir(), '~')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (require.main === module) {
  renderConfiguration()
    .then((page) => writeFile(configurationPage, page))
    .catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    });
}
