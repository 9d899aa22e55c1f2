import { type DynamicModule, Module } from '@nestjs/common';
import { KeyRing } from '@stigmer/crypto';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import { type Logger, serviceClient } from '@stigmer/service';
import { connectMongo, verifyKeys } from '@stigmer/mongo';
import type { EnvironmentConfig } from './config';
import {
  EnvironmentCommands,
  EnvironmentQueries,
  EnvironmentVaultController,
} from './environments.controller';
import { Environments } from './environments';
import { EnvironmentStore } from './environments.store';
import { EnvironmentBatches } from './environment-batches';

const DATABASE = 'stigmer_environments';

/** The environment service, put together. */
@Module({})
export class AppModule {
  /** Resolves when the database is there, its indexes are made, and the configured keys are the ones it needs. */
  static async create(config: EnvironmentConfig, log: Logger): Promise<DynamicModule> {
    const ring = new KeyRing(
      config.STIGMER_ENVIRONMENT_ENCRYPTION_KEY,
      config.STIGMER_ENVIRONMENT_ENCRYPTION_KEY_PREVIOUS,
    );
    const store = await openStore(config, ring, log);
    const users = serviceClient(EnvironmentUsers, {
      address: config.STIGMER_CONTROL_PLANE,
      audience: 'control-plane',
      identity: config.STIGMER_IDENTITY_KEY,
    });
    return {
      module: AppModule,
      controllers: [EnvironmentCommands, EnvironmentQueries, EnvironmentVaultController],
      providers: [
        { provide: EnvironmentStore, useValue: store },
        { provide: Environments, useValue: new Environments({ store, keys: { current: ring }, users, log }) },
        { provide: EnvironmentBatches, useValue: new EnvironmentBatches(store, { current: ring }, log) },
      ],
    };
  }
}

async function openStore(config: EnvironmentConfig, ring: KeyRing, log: Logger): Promise<EnvironmentStore> {
  const connection = await connectMongo(config.STIGMER_MONGODB_URL, DATABASE, log);
  try {
    const store = new EnvironmentStore(connection);
    await store.prepare();
    // A key retired too early, or a database restored in part: better found now than at a run. And before the record
    // is looked at, since a database without one would remember whatever key this service came with.
    for (const id of await store.keysInUse()) ring.assertHolds(id);
    await verifyKeys(connection, ring);
    return store;
  } catch (error) {
    await connection.close();
    throw error;
  }
}
