import { type DynamicModule, Module } from '@nestjs/common';
import { KeyRing } from '@stigmer/crypto';
import type { Logger } from '@stigmer/service';
import { connectMongo, verifyKeys } from '@stigmer/mongo';
import type { ContextConfig } from './config';
import { ContextSeal } from './context-seal';
import { ContextVaultController } from './context-vault.controller';
import { ContextCommands, ContextQueries } from './contexts.controller';
import { Contexts } from './contexts';
import { ContextStore } from './contexts.store';
import { RunContexts } from './run-contexts';

// A database of its own, so that backups can leave it out: what is in it is worthless a day later.
const DATABASE = 'stigmer_contexts';

/** The execution context service, put together. */
@Module({})
export class AppModule {
  /** Resolves when the database is there, its indexes are made, and the configured keys are the ones it needs. */
  static async create(config: ContextConfig, log: Logger): Promise<DynamicModule> {
    const ring = new KeyRing(
      config.STIGMER_CONTEXT_ENCRYPTION_KEY,
      config.STIGMER_CONTEXT_ENCRYPTION_KEY_PREVIOUS,
    );
    const connection = await connectMongo(config.STIGMER_MONGODB_URL, DATABASE, log);
    const store = new ContextStore(connection);
    try {
      await verifyKeys(connection, ring);
      await store.prepare();
    } catch (error) {
      await connection.close();
      throw error;
    }
    const seal = new ContextSeal({ current: ring }, log);
    const maxLifetimeMs = config.STIGMER_CONTEXT_MAX_LIFETIME;
    return {
      module: AppModule,
      controllers: [ContextCommands, ContextQueries, ContextVaultController],
      providers: [
        { provide: ContextStore, useValue: store },
        { provide: RunContexts, useValue: new RunContexts({ store, seal, log, maxLifetimeMs }) },
        { provide: Contexts, useValue: new Contexts({ store, seal, log }) },
      ],
    };
  }
}
