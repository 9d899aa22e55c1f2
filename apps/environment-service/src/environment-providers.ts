import type { Provider } from '@nestjs/common';
import type { WritingKeys } from '@stigmer/keys';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { Deletions } from './deletions';
import { EnvironmentBatches } from './environment-batches';
import { EnvironmentDiffs } from './environment-diffs';
import { EnvironmentReader } from './environment-reader';
import { EnvironmentViews } from './environment-views';
import { EnvironmentWriter } from './environment-writer';
import { Environments, type EnvironmentsOptions } from './environments';
import { EnvironmentStore } from './environments.store';
import { Pins } from './pins';
import { RevisionPruning } from './revision-pruning';
import { Revisions } from './revisions';
import { RevisionStore } from './revisions.store';
import { References, Versions } from './versions';

export interface EnvironmentProvidersOptions extends Pick<EnvironmentsOptions, 'users'> {
  readonly connection: Connection;
  readonly keys: WritingKeys;
  /** So many of the newest versions of an environment are kept. */
  readonly keep: number;
  /** So many bytes of environments are kept in memory, sealed. */
  readonly cacheBytes: number;
  /** Redis, over which replicas tell each other what they wrote. */
  readonly bus?: string;
  readonly log: Logger;
}

/** What reads and writes environments, put together; resolves when their indexes are made. */
export async function environmentProviders(options: EnvironmentProvidersOptions): Promise<Provider[]> {
  const { connection, keys, users, keep, cacheBytes, bus, log } = options;
  const revisions = new RevisionStore(connection);
  const versions = new Versions(revisions);
  const reader = EnvironmentReader.open({ connection, versions, cacheBytes, bus, log });
  const store = new EnvironmentStore(connection, (changed) => {
    reader.changed(changed);
  });
  await store.prepare();
  await revisions.prepare();
  const deletions = new Deletions(connection, store, revisions);
  await deletions.finish();
  const references = new References(store, versions);
  const pins = new Pins(store, revisions, users);
  const pruning = new RevisionPruning({ store, revisions, pins, keep, log });
  const writer = new EnvironmentWriter({ store, revisions, references, keys, pruning, log });
  const environments = new Environments({
    ...{ store, reader, writer, deletions, references, versions },
    ...{ keys, users, log },
  });
  const find: EnvironmentDiffs['find'] = (reference) => environments.getByReference(reference);
  return [
    { provide: EnvironmentStore, useValue: store },
    { provide: Environments, useValue: environments },
    { provide: RevisionPruning, useValue: pruning },
    {
      provide: Revisions,
      useValue: new Revisions({ store, revisions, versions, pins, writer, keys, log }),
    },
    { provide: EnvironmentDiffs, useValue: new EnvironmentDiffs(find, keys, log) },
    { provide: EnvironmentReader, useValue: reader },
    { provide: EnvironmentViews, useValue: new EnvironmentViews(reader) },
    { provide: EnvironmentBatches, useValue: new EnvironmentBatches(reader, keys, log) },
  ];
}
