import { type DynamicModule, Module } from '@nestjs/common';
import { KeyAdministration, keySources, ManagedKeyRing } from '@stigmer/keys';
import { connectMongo } from '@stigmer/mongo';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { ContextConfig } from './config';
import { ContextKeyCommands } from './context-keys.controller';
import { ContextSeal } from './context-seal';
import { ContextVaultController } from './context-vault.controller';
import { ContextCommands, ContextQueries } from './contexts.controller';
import { Contexts } from './contexts';
import { ContextStore } from './contexts.store';
import type { Clock } from './epoch';
import { EpochKeys } from './epoch-keys';
import { EpochKeyStore } from './epoch-keys.store';
import { KeyedContexts } from './keyed-contexts';
import { RunContexts } from './run-contexts';

// A database of its own, so that backups can leave it out: what is in it is worthless a day later.
const DATABASE = 'stigmer_contexts';
const SHUTDOWN = Symbol('shutdown');

/** The execution context service, put together. */
@Module({})
export class AppModule {
  /** Resolves when the database is there, its indexes are made, and the keys that it needs are here. */
  static async create(config: ContextConfig, log: Logger, clock: Clock = Date.now): Promise<DynamicModule> {
    const connection = await connectMongo(config.STIGMER_MONGODB_URL, DATABASE, log);
    try {
      return await assemble(config, connection, log, clock);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}

async function assemble(
  config: ContextConfig,
  connection: Connection,
  log: Logger,
  clock: Clock,
): Promise<DynamicModule> {
  const store = new ContextStore(connection, clock);
  const epochKeyStore = new EpochKeyStore(connection);
  await store.prepare();
  await epochKeyStore.prepare();
  const ring = await ManagedKeyRing.open({
    ...({ ring: 'context', connection, log } as const),
    sources: keySources('CONTEXT', config, connection, log),
    documents: new KeyedContexts({ epochKeys: epochKeyStore, contexts: store, log }),
  });
  const epochKeys = new EpochKeys({ ring, store: epochKeyStore, contexts: store, log, clock });
  const close = async () => {
    await epochKeys.close();
    await ring.close();
    await connection.close();
  };
  try {
    await epochKeys.start();
  } catch (error) {
    await close();
    throw error;
  }
  const options = { store, seal: new ContextSeal(epochKeys, log), log, clock };
  const maxLifetimeMs = config.STIGMER_CONTEXT_MAX_LIFETIME;
  return {
    module: AppModule,
    controllers: [ContextCommands, ContextQueries, ContextVaultController, ContextKeyCommands],
    providers: [
      { provide: RunContexts, useValue: new RunContexts({ ...options, maxLifetimeMs }) },
      { provide: Contexts, useValue: new Contexts(options) },
      { provide: KeyAdministration, useValue: new KeyAdministration(ring, log) },
      { provide: SHUTDOWN, useValue: { onModuleDestroy: close } },
    ],
  };
}
