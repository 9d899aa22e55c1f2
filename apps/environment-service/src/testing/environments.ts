import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DomainError } from '@stigmer/domain';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type {
  EnvironmentSpecSchema,
  EnvironmentValueSchema,
} from '@stigmer/proto/agentic/environment/v1/spec';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { type Connection, createConnection, type mongo } from 'mongoose';

export type Data = Record<string, MessageInitShape<typeof EnvironmentValueSchema>>;
type Spec = Exclude<MessageInitShape<typeof EnvironmentSpecSchema>, { readonly $typeName: string }>;

let count = 0;
/** An environment of a new organization, so that no test sees another's. */
export function environment(
  data: Data,
  metadata: { readonly [K in string]?: unknown } = {},
  spec: Omit<Spec, 'data'> = {},
): Environment {
  count += 1;
  return create(EnvironmentSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: {
      name: 'GitHub Prod',
      org: `org-${process.pid}-${count}`,
      ownerScope: ApiResourceOwnerScope.organization,
      ...metadata,
    },
    spec: { ...spec, data },
  });
}

export function idOf(resource: Environment): string {
  return resource.metadata?.id ?? '';
}

export function orgOf(resource: Environment): string {
  return resource.metadata?.org ?? '';
}

export function versionOf(resource: Environment): string {
  return resource.metadata?.version?.id ?? '';
}

/** The typed error that a call ends with. */
export async function failure(action: Promise<unknown>): Promise<DomainError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

export async function kindOf(action: Promise<unknown>): Promise<string> {
  return (await failure(action)).kind;
}

/** An environment as it lies in the database, as far as the tests look at it. */
export interface StoredEnvironment {
  readonly _id: string;
  readonly crypto: Record<string, unknown>;
  readonly data: Record<string, { readonly value: string }>;
}

/** An environment as it lies in the database. */
export async function rowOf(url: string, resource: Environment): Promise<StoredEnvironment> {
  const row = await raw(url, (db) => rowsOf(db).findOne({ _id: idOf(resource) }));
  if (row === null) throw new Error('the environment is not in the database');
  return row;
}

/** Changes an environment in the database, past the service. */
export async function corrupt(url: string, resource: Environment, change: object): Promise<void> {
  await raw(url, (db) => rowsOf(db).updateOne({ _id: idOf(resource) }, { $set: change }));
}

function rowsOf(db: mongo.Db): mongo.Collection<StoredEnvironment> {
  return db.collection<StoredEnvironment>('environments');
}

/** What really lies in the database: the driver's own collections, past our stores. */
export async function raw<T>(url: string, action: (db: mongo.Db) => Promise<T>): Promise<T> {
  const connection: Connection = await createConnection(url).asPromise();
  try {
    return await action(connection.getClient().db('stigmer_environments'));
  } finally {
    await connection.close();
  }
}
