import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveServer, serverPlaceholders, type ResolvedText } from '@stigmer/domain';
import type {
  DockerServer,
  HttpServer,
  McpServerDefinition,
  StdioServer,
} from '@stigmer/proto/agentic/agent/v1/spec';
import { TaskFailure } from '../failure';
import type { ChildLaunch } from './child-transport';

/** How to reach a server: everything filled in, secrets in the environment and the headers alone. */
export type Launch =
  | { readonly kind: 'child'; readonly child: ChildLaunch; readonly container?: string }
  | {
      readonly kind: 'http';
      readonly url: URL;
      readonly headers: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
    };

/** What a child may have of the runner's own surroundings. */
export interface Surroundings {
  readonly path: string;
  readonly lang: string;
  readonly tmpdir: string;
  /** Under it each agent or workflow has a home of its own, kept so that package caches survive. */
  readonly homes: string;
  /** Where the Docker daemon is; unset, docker's own default. */
  readonly dockerHost?: string;
}

/** Fills a definition's placeholders in; throws all that is wrong with it at once. `owner` is the agent's or workflow's id. */
export async function planLaunch(
  definition: McpServerDefinition,
  variables: ReadonlyMap<string, ResolvedText>,
  owner: string,
  surroundings: Surroundings,
): Promise<Launch> {
  const resolved = resolveServer(serverPlaceholders(definition), variables);
  const filled = (field: string, map: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.keys(map).map((key) => [key, resolved.get(`${field}.${key}`)?.text ?? '']));
  switch (definition.serverType.case) {
    case 'stdio': {
      const { envPlaceholders } = definition.serverType.value;
      const home = await homeOf(owner, surroundings.homes);
      return planStdio(
        definition.serverType.value,
        filled('env_placeholders', envPlaceholders),
        home,
        surroundings,
      );
    }
    case 'docker': {
      const { envPlaceholders } = definition.serverType.value;
      const home = await homeOf(owner, surroundings.homes);
      return planDocker(
        definition.serverType.value,
        filled('env_placeholders', envPlaceholders),
        home,
        surroundings,
      );
    }
    case 'http': {
      const { headers, queryParams } = definition.serverType.value;
      return planHttp(
        definition.serverType.value,
        filled('headers', headers),
        filled('query_params', queryParams),
      );
    }
    case undefined:
      throw new TaskFailure(
        'InvalidTask',
        `MCP server ${definition.name}: one of stdio, http or docker must be given`,
      );
  }
}

function planStdio(
  server: StdioServer,
  env: Record<string, string>,
  home: string,
  around: Surroundings,
): Launch {
  const cwd = server.workingDir === '' ? home : server.workingDir;
  const child = { command: server.command, args: server.args, env: { ...basic(around, home), ...env }, cwd };
  return { kind: 'child', child };
}

/**
 * `docker run -e NAME` takes the value from docker's own environment: so a secret is in no argument, which any process
 * on the machine could list, and in no file.
 */
function planDocker(
  server: DockerServer,
  env: Record<string, string>,
  home: string,
  around: Surroundings,
): Launch {
  const container =
    server.containerName === '' ? `stigmer-${randomBytes(6).toString('hex')}` : server.containerName;
  const args = [
    ...['run', '--rm', '--interactive', '--name', container],
    ...Object.keys(env).flatMap((name) => ['--env', name]),
    ...(server.network === '' ? [] : ['--network', server.network]),
    ...server.volumes.flatMap((volume) => [
      '--volume',
      `${volume.hostPath}:${volume.containerPath}${volume.readOnly ? ':ro' : ''}`,
    ]),
    ...server.ports.flatMap((port) => [
      '--publish',
      `127.0.0.1:${port.hostPort}:${port.containerPort}/${port.protocol === '' ? 'tcp' : port.protocol}`,
    ]),
    ...[server.image, ...server.args],
  ];
  const client = {
    ...basic(around, home),
    ...(around.dockerHost === undefined ? {} : { DOCKER_HOST: around.dockerHost }),
  };
  const taken = Object.keys(env).filter((name) => name in client || name.startsWith('DOCKER_'));
  if (taken.length > 0) {
    const names = taken.join(', ');
    throw new TaskFailure(
      'InvalidTask',
      `a docker server cannot be given ${names}: the docker client itself reads it`,
    );
  }
  const child: ChildLaunch = { command: 'docker', args, env: { ...env, ...client }, cwd: home };
  return { kind: 'child', child, container };
}

const DEFAULT_TIMEOUT_SECONDS = 60;

function planHttp(
  server: HttpServer,
  headers: Record<string, string>,
  query: Record<string, string>,
): Launch {
  const url = parseUrl(server.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const seconds = server.timeoutSeconds > 0 ? server.timeoutSeconds : DEFAULT_TIMEOUT_SECONDS;
  return { kind: 'http', url, headers, timeoutMs: seconds * 1_000 };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TaskFailure('InvalidTask', 'an MCP server’s url must be an http or https URL');
  }
  return url;
}

function basic({ path, lang, tmpdir }: Surroundings, home: string): Record<string, string> {
  return { PATH: path, LANG: lang, TMPDIR: tmpdir, HOME: home };
}

async function homeOf(owner: string, homes: string): Promise<string> {
  // The id becomes a folder's name: one that could leave the folder is no id of ours.
  if (!/^[A-Za-z0-9][\w.-]*$/.test(owner))
    throw new TaskFailure('InvalidTask', 'the owner’s id cannot name a folder');
  const home = join(homes, owner);
  await mkdir(home, { recursive: true, mode: 0o700 });
  return home;
}
