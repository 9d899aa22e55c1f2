import { type DynamicModule, Module } from '@nestjs/common';
import { KeyAdministration, keySources, ManagedKeyRing } from '@stigmer/keys';
import { connectMongo } from '@stigmer/mongo';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import { type Logger, serviceClient } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { EnvironmentConfig } from './config';
import {
  EnvironmentCommands,
  EnvironmentQueries,
  EnvironmentVaultController,
} from './environments.controller';
import { environmentProviders } from './environment-providers';
import { KeyedEnvironments } from './keyed-environments';
import { EnvironmentKeys } from './keys.controller';

const DATABASE = 'stigmer_environments';

/** The environment service, put together. */
@Module({})
export class AppModule {
  /** Resolves when the database is there, its indexes are made, and the keys are the ones it needs. */
  static async create(config: EnvironmentConfig, log: Logger): Promise<DynamicModule> {
    const connection = await connectMongo(config.STIGMER_MONGODB_URL, DATABASE, log);
    try {
      const keys = await openKeys(config, connection, log);
      try {
        return await assemble(config, connection, keys, log);
      } catch (error) {
        await keys.close();
        throw error;
      }
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}

async function assemble(
  config: EnvironmentConfig,
  connection: Connection,
  keys: ManagedKeyRing,
  log: Logger,
): Promise<DynamicModule> {
  const users = serviceClient(EnvironmentUsers, {
    address: config.STIGMER_CONTROL_PLANE,
    audience: 'control-plane',
    identity: config.STIGMER_IDENTITY_KEY,
  });
  const keep = config.STIGMER_ENVIRONMENT_REVISIONS;
  const cacheBytes = config.STIGMER_ENVIRONMENT_CACHE_BYTES;
  const bus = config.STIGMER_REDIS_URL;
  return {
    module: AppModule,
    controllers: [EnvironmentCommands, EnvironmentQueries, EnvironmentVaultController, EnvironmentKeys],
    providers: [
      // The ring signs off first, and the connection is closed when nothing uses it any more.
      { provide: 'the end of the keys', useValue: { onModuleDestroy: () => keys.close() } },
      { provide: 'the end of the database', useValue: { onApplicationShutdown: () => connection.close() } },
      { provide: KeyAdministration, useValue: new KeyAdministration(keys, log) },
      ...(await environmentProviders({ ...{ connection, keys, users, keep, cacheBytes, bus }, log })),
    ],
  };
}

function openKeys(config: EnvironmentConfig, connection: Connection, log: Logger): Promise<ManagedKeyRing> {
  return ManagedKeyRing.open({
    ring: 'environment',
    sources: keySources('ENVIRONMENT', config, connection, log),
    connection,
    documents: new KeyedEnvironments(connection),
    olderForms: config.STIGMER_ENVIRONMENT_OLDER_FORMS,
    log,
  });
}
