import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, type sendUnaryData, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { freePort } from '@stigmer/embedded';
import { serviceDefinition } from '@stigmer/proto';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import {
  ACTOR_HEADER,
  createLogger,
  type Identity,
  OWNER_HEADER,
  readConfig,
  type RunningService,
  serviceClient,
  type ServiceName,
  start,
} from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { AppModule } from '../app.module';
import { environmentConfig } from '../config';

/** A user of an environment, as the control plane would report it. */
export interface FakeUser {
  readonly kind: string;
  readonly id: string;
  readonly slug: string;
}

/** A running environment service on a database, with clients as each caller, and what it logged. */
export interface TestService {
  readonly address: string;
  readonly lines: readonly string[];
  as(name: ServiceName): ReturnType<typeof clients>;
  readonly owner: { readonly metadata: Metadata };
  close(): Promise<void>;
}

const identities = testIdentities();

/** Starts the service as its main does, with the given database, key and control plane. */
export async function startEnvironmentService(options: {
  readonly mongoUrl: string;
  readonly key?: string;
  readonly previous?: string;
  readonly keyStore?: string;
  /** How many versions of an environment are kept. */
  readonly revisions?: number;
  readonly olderForms?: 'read' | 'refuse';
  readonly controlPlane?: string;
  readonly redisUrl?: string;
  readonly logLevel?: 'debug' | 'error';
}): Promise<TestService> {
  const folder = await mkdtemp(join(tmpdir(), 'stigmer-environment-service-'));
  await writeFile(join(folder, 'identity.jwk'), identities.privateJwk['environment-service'], {
    mode: 0o600,
  });
  const listen = `127.0.0.1:${await freePort()}`;
  const config = readConfig(environmentConfig, {
    STIGMER_LISTEN: listen,
    STIGMER_IDENTITY_KEY_FILE: join(folder, 'identity.jwk'),
    STIGMER_TRUSTED_IDENTITIES: identities.jwks,
    STIGMER_MONGODB_URL: options.mongoUrl,
    STIGMER_CONTROL_PLANE: options.controlPlane ?? '127.0.0.1:1',
    STIGMER_ENVIRONMENT_ENCRYPTION_KEY: options.key ?? randomBytes(32).toString('base64'),
    STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS: options.previous ?? '',
    ...(options.redisUrl !== undefined && { STIGMER_REDIS_URL: options.redisUrl }),
    ...(options.keyStore !== undefined && { STIGMER_ENVIRONMENT_KEY_STORE: options.keyStore }),
    ...(options.olderForms !== undefined && { STIGMER_ENVIRONMENT_OLDER_FORMS: options.olderForms }),
    ...(options.revisions !== undefined && { STIGMER_ENVIRONMENT_REVISIONS: String(options.revisions) }),
  });
  const lines: string[] = [];
  const log = createLogger('environment-service', options.logLevel ?? 'debug', {
    write: (line: string) => void lines.push(line),
  });
  const running: RunningService = await start({
    name: 'environment-service',
    services: [
      EnvironmentCommandController,
      EnvironmentQueryController,
      EnvironmentVault,
      EnvironmentKeyController,
    ],
    config,
    module: await AppModule.create(config, log),
    log,
  });
  const open: { close(): void }[] = [];
  return {
    address: listen,
    lines,
    owner: { metadata: ownerMetadata() },
    as: (name) => {
      const made = clients(listen, identities.identity(name));
      open.push(made.commands, made.queries, made.vault, made.keys);
      return made;
    },
    async close() {
      for (const client of open) client.close();
      await running.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A control plane that only says who uses an environment, and which versions of it they pin. */
export async function startFakeControlPlane(
  users: () => readonly FakeUser[] | Promise<readonly FakeUser[]>,
  versions: readonly string[] = [],
): Promise<{ readonly address: string; close(): void }> {
  const server = new Server();
  server.addService(serviceDefinition(EnvironmentUsers), {
    list: (_call: unknown, answer: sendUnaryData<unknown>) => {
      const asked = async () => users();
      void asked().then(
        (using) => {
          answer(null, { users: using, versions: [...versions] });
        },
        () => {
          answer({ code: status.UNAVAILABLE, details: 'down' });
        },
      );
    },
  });
  const address = `127.0.0.1:${await freePort()}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  return {
    address,
    close: () => {
      server.forceShutdown();
    },
  };
}

function clients(address: string, identity: Identity) {
  const options = { address, audience: 'environment-service', identity } as const;
  return {
    commands: serviceClient(EnvironmentCommandController, options),
    queries: serviceClient(EnvironmentQueryController, options),
    vault: serviceClient(EnvironmentVault, options),
    keys: serviceClient(EnvironmentKeyController, options),
  };
}

function ownerMetadata(): Metadata {
  const metadata = new Metadata();
  metadata.set(ACTOR_HEADER, 'alice');
  metadata.set(OWNER_HEADER, 'true');
  return metadata;
}
