import { type DynamicModule, Module } from '@nestjs/common';
import { Clients } from './clients';
import type { ResolverConfig } from './config';
import { ResolverQueryController } from './resolver-query.controller';
import { Resolver } from './resolver';
import { RunResolverController } from './run-resolver.controller';
import { Runs } from './runs';

@Module({ controllers: [ResolverQueryController, RunResolverController], providers: [Resolver, Runs] })
export class ResolverModule {
  /** The module with its clients. */
  static with(config: ResolverConfig): DynamicModule {
    return {
      module: ResolverModule,
      providers: [{ provide: Clients, useFactory: () => new Clients(config) }],
    };
  }
}
