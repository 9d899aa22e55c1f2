import type { Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { invalidArguments, type KindName } from '@stigmer/domain';
import type { ApiResourceMetadata } from '@stigmer/proto/commons/apiresource/metadata';
import type { ApiResourceAudit } from '@stigmer/proto/commons/apiresource/status';
import type { Caller } from '@stigmer/service';

/** What every resource of the contract has in common. */
export type Resource = Message & {
  apiVersion: string;
  kind: string;
  metadata?: ApiResourceMetadata;
  spec?: Message;
  status?: Message & { audit?: ApiResourceAudit };
};

/** A kind of resource, as far as reading one needs to know it. */
export interface Kind<R extends Resource> {
  readonly name: KindName;
  readonly schema: GenMessage<R>;
}

/** By what others find a resource, besides its id and slug. */
export interface Columns {
  /** Ids of the resources it belongs to: an instance's template; a session's instance and agent. */
  readonly parents?: readonly string[];
  /** The environments an instance names, as it names them. */
  readonly environments?: readonly string[];
}

/**
 * What is particular to one kind of resource. Everything that all kinds share (ids, slugs, versions, audit) is in
 * `Resources`; a rule here is about this kind alone.
 */
export interface ResourceKind<R extends Resource> extends Kind<R> {
  /**
   * Refuses what is wrong with a resource and writes its references to other resources as ids, in place: `draft` is
   * the writer's own copy. Answers what the resource is to be found by.
   */
  admit(draft: R, stored: R | undefined): Promise<Columns>;

  /** The status of a resource that is being written: the server's own, never the client's. */
  status(stored: R | undefined): NonNullable<R['status']>;

  /** Called after a resource was created; must bear being left out by a crash. */
  created?(resource: R, caller: Caller): Promise<void>;

  /** Called before a resource is deleted: refuses while it is needed, removes what is worthless without it. */
  release?(resource: R): Promise<void>;
}

/** The metadata of a resource; validation has seen to it that there is some. */
export function metadataOf(resource: Resource): ApiResourceMetadata {
  if (resource.metadata === undefined) throw new Error(`${resource.$typeName} without metadata`);
  return resource.metadata;
}

/** A part of a request that the contract leaves optional and that nothing can be done without. */
export function required<T>(part: T | undefined, field: string): T {
  if (part === undefined) throw invalidArguments([{ field, description: 'is required' }]);
  return part;
}
