import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { probeGrpc, SERVICE_FLAGS, SERVICE_VARIABLES, startProcess } from '@stigmer/embedded';
import { baseEnvironment, type PassedOn } from './config';
import { logFileOf, type Layout } from './layout';
import type { PartPlan } from './part';

/** In the order in which they come up in a listing; they start all at once. */
export const SERVICE_NAMES = [
  'environment-service',
  'execution-context-service',
  'resolver-service',
  'control-plane',
  'workflow-runner',
  'gateway',
] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Where everything is in one run of the server: all ports are chosen before anything starts. */
export interface World {
  readonly layout: Layout;
  readonly ports: Readonly<Record<ServiceName, number>>;
  readonly mongodb: string;
  readonly redis: string;
  readonly temporal: string;
  readonly passedOn: Readonly<Partial<Record<PassedOn, string>>>;
}

type Variables = Readonly<Record<string, string>>;

const START_TIMEOUT_MS = 60_000;

/**
 * What each service is told, and nothing else: a process can read the environment of another one of the same user,
 * so no variable is there that its owner does not need, and no key is in a variable at all.
 */
const VARIABLES: Readonly<Record<ServiceName, (world: World) => Variables>> = {
  'environment-service': (world) => ({
    STIGMER_LISTEN: addressOf(world, 'environment-service'),
    STIGMER_TRUSTED_IDENTITIES_FILE: trustedFile(world.layout),
    STIGMER_MONGODB_URL: world.mongodb,
    STIGMER_REDIS_URL: world.redis,
    STIGMER_CONTROL_PLANE: addressOf(world, 'control-plane'),
    STIGMER_ENVIRONMENT_ENCRYPTION_KEY_FILE: encryptionKeyFile(world.layout, 'environment-service'),
    STIGMER_ENVIRONMENT_KEY_STORE: `directory:${world.layout.environmentKeys}`,
    ...passed(world, [
      'STIGMER_ENVIRONMENT_REVISIONS',
      'STIGMER_ENVIRONMENT_CACHE_BYTES',
      'STIGMER_ENVIRONMENT_OLDER_FORMS',
    ]),
  }),
  'execution-context-service': (world) => ({
    STIGMER_LISTEN: addressOf(world, 'execution-context-service'),
    STIGMER_TRUSTED_IDENTITIES_FILE: trustedFile(world.layout),
    STIGMER_MONGODB_URL: world.mongodb,
    STIGMER_CONTEXT_ENCRYPTION_KEY_FILE: encryptionKeyFile(world.layout, 'execution-context-service'),
    STIGMER_CONTEXT_KEY_STORE: `directory:${world.layout.contextKeys}`,
    ...passed(world, ['STIGMER_CONTEXT_MAX_LIFETIME']),
  }),
  'resolver-service': (world) => ({
    STIGMER_LISTEN: addressOf(world, 'resolver-service'),
    STIGMER_TRUSTED_IDENTITIES_FILE: trustedFile(world.layout),
    STIGMER_ENVIRONMENT_SERVICE: addressOf(world, 'environment-service'),
    STIGMER_CONTEXT_SERVICE: addressOf(world, 'execution-context-service'),
  }),
  'control-plane': (world) => ({
    STIGMER_LISTEN: addressOf(world, 'control-plane'),
    STIGMER_TRUSTED_IDENTITIES_FILE: trustedFile(world.layout),
    STIGMER_MONGODB_URL: world.mongodb,
    STIGMER_REDIS_URL: world.redis,
    STIGMER_TEMPORAL_ADDRESS: world.temporal,
    STIGMER_ENVIRONMENT_SERVICE: addressOf(world, 'environment-service'),
    STIGMER_CONTEXT_SERVICE: addressOf(world, 'execution-context-service'),
    STIGMER_RESOLVER_SERVICE: addressOf(world, 'resolver-service'),
    ...passed(world, ['STIGMER_CONTEXT_MAX_LIFETIME', 'STIGMER_SWEEP_INTERVAL', 'STIGMER_START_GRACE']),
  }),
  'workflow-runner': (world) => ({
    STIGMER_LISTEN: addressOf(world, 'workflow-runner'),
    STIGMER_TRUSTED_IDENTITIES_FILE: trustedFile(world.layout),
    STIGMER_TEMPORAL_ADDRESS: world.temporal,
    STIGMER_CONTEXT_SERVICE: addressOf(world, 'execution-context-service'),
    STIGMER_CONTROL_PLANE: addressOf(world, 'control-plane'),
    STIGMER_AGENT_HOMES: world.layout.agentHomes,
    ...passed(world, [
      'STIGMER_MODEL_URL',
      'STIGMER_MODEL_NAME',
      'STIGMER_MODEL_API_KEY_FILE',
      'STIGMER_AGENT_MAX_TURNS',
      'STIGMER_AGENT_TIME_LIMIT',
      'STIGMER_WORKFLOW_TIME_LIMIT',
      'DOCKER_HOST',
    ]),
  }),
  gateway: (world) => ({
    STIGMER_LISTEN: `127.0.0.1:${world.ports.gateway},[::1]:${world.ports.gateway}`,
    STIGMER_LOCAL_TOKEN_FILE: world.layout.token,
    STIGMER_ENVIRONMENT_SERVICE: addressOf(world, 'environment-service'),
    STIGMER_CONTEXT_SERVICE: addressOf(world, 'execution-context-service'),
    STIGMER_RESOLVER_SERVICE: addressOf(world, 'resolver-service'),
    STIGMER_CONTROL_PLANE: addressOf(world, 'control-plane'),
  }),
};

export function servicePlan(name: ServiceName, world: World): PartPlan {
  const { layout, ports } = world;
  return {
    name,
    address: addressOf(world, name),
    start: (signal) =>
      startProcess({
        name,
        program: { file: process.execPath, args: [...SERVICE_FLAGS, mainOf(name)] },
        args: [],
        folder: layout.run,
        environment: serviceEnvironment(name, world),
        temporary: false,
        logFile: logFileOf(layout, name),
        timeoutMs: START_TIMEOUT_MS,
        probe: () => probeHealth(ports[name]),
        signal,
      }),
  };
}

/** The whole environment of one service's process. */
export function serviceEnvironment(name: ServiceName, world: World): NodeJS.ProcessEnv {
  return {
    ...baseEnvironment(),
    ...SERVICE_VARIABLES,
    NODE_COMPILE_CACHE: world.layout.codeCache,
    STIGMER_IDENTITY_KEY_FILE: identityFile(world.layout, name),
    ...passed(world, ['STIGMER_LOG_LEVEL']),
    ...VARIABLES[name](world),
  };
}

export function identityFile(layout: Layout, name: ServiceName): string {
  return join(layout.run, `${name}.identity.json`);
}

export function encryptionKeyFile(
  layout: Layout,
  name: 'environment-service' | 'execution-context-service',
): string {
  return join(layout.run, `${name}.encryption.key`);
}

export function trustedFile(layout: Layout): string {
  return join(layout.run, 'identities.json');
}

export function addressOf(world: World, name: ServiceName): string {
  return `127.0.0.1:${world.ports[name]}`;
}

function passed(world: World, names: readonly PassedOn[]): Variables {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = world.passedOn[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** `HealthCheckResponse { status: SERVING }` */
const SERVING = Buffer.from([0x08, 0x01]);

async function probeHealth(port: number): Promise<void> {
  const answer = await probeGrpc(port, '/grpc.health.v1.Health/Check', Buffer.alloc(0));
  if (!answer.equals(SERVING)) throw new Error('it is not serving yet');
}

/** Looks upwards from this file, so that it is found from `dist` and from a bundle alike. */
function mainOf(name: ServiceName): string {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const main = join(folder, 'apps', name, 'dist', 'main.js');
    if (existsSync(main)) return main;
  }
  throw new Error(`${name} is not built: run \`make build\` in the repository`);
}
