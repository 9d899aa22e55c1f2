import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@stigmer/embedded';
import { ExecutionContextCommandController } from '@stigmer/proto/agentic/executioncontext/v1/command';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ContextKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import {
  createLogger,
  type Identity,
  readConfig,
  serviceClient,
  type ServiceName,
  start,
} from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { AppModule } from '../app.module';
import { contextConfig } from '../config';
import type { Clock } from '../epoch';

/** A running context service on a database, with clients as each caller, and what it logged. */
export interface TestService {
  readonly address: string;
  readonly lines: readonly string[];
  as(name: ServiceName): ReturnType<typeof clients>;
  close(): Promise<void>;
}

const identities = testIdentities();

/** Starts the service as its main does, with the given database, keys and lifetime. */
export async function startContextService(options: {
  readonly mongoUrl: string;
  readonly key?: string;
  readonly previous?: string;
  readonly maxLifetime?: string;
  readonly clock?: Clock;
}): Promise<TestService> {
  const folder = await mkdtemp(join(tmpdir(), 'stigmer-context-service-'));
  const identityFile = join(folder, 'identity.jwk');
  await writeFile(identityFile, identities.privateJwk['execution-context-service'], { mode: 0o600 });
  const address = `127.0.0.1:${await freePort()}`;
  const config = readConfig(contextConfig, {
    STIGMER_LISTEN: address,
    STIGMER_IDENTITY_KEY_FILE: identityFile,
    STIGMER_TRUSTED_IDENTITIES: identities.jwks,
    STIGMER_MONGODB_URL: options.mongoUrl,
    STIGMER_CONTEXT_ENCRYPTION_KEY: options.key ?? randomBytes(32).toString('base64'),
    STIGMER_CONTEXT_ENCRYPTION_KEY_PREVIOUS: options.previous ?? '',
    STIGMER_CONTEXT_MAX_LIFETIME: options.maxLifetime ?? '',
  });
  await rm(folder, { recursive: true });
  const lines: string[] = [];
  const log = createLogger('execution-context-service', 'trace', {
    write: (line: string) => void lines.push(line),
  });
  const running = await start({
    name: 'execution-context-service',
    services: [
      ExecutionContextCommandController,
      ExecutionContextQueryController,
      ContextVault,
      ContextKeyController,
    ],
    config,
    module: await AppModule.create(config, log, options.clock),
    log,
  });
  const open: { close(): void }[] = [];
  return {
    address,
    lines,
    as: (name) => {
      const made = clients(address, identities.identity(name));
      open.push(made.commands, made.queries, made.vault, made.keys);
      return made;
    },
    async close() {
      for (const client of open) client.close();
      await running.close();
    },
  };
}

function clients(address: string, identity: Identity) {
  const options = { address, audience: 'execution-context-service', identity } as const;
  return {
    commands: serviceClient(ExecutionContextCommandController, options),
    queries: serviceClient(ExecutionContextQueryController, options),
    vault: serviceClient(ContextVault, options),
    keys: serviceClient(ContextKeyController, options),
  };
}
