import type { Metadata } from '@grpc/grpc-js';
import type { ServiceName } from './identity';

/** The names of the metadata that say who is calling. The gateway strips them from what comes from outside. */
export const IDENTITY_HEADER = 'x-stigmer-identity';
export const ACTOR_HEADER = 'x-stigmer-actor';
export const OWNER_HEADER = 'x-stigmer-owner';

/** Who is calling. */
export interface Caller {
  /** The service that holds the identity token. */
  readonly service: ServiceName;
  /** On whose behalf: what the gateway says, else the service itself. */
  readonly actor: string;
  /** The gateway vouches that the owner of this installation is calling (the local token). */
  readonly owner: boolean;
}

/** What a controller's method gets beside the request. Only an admitted call has one; see `Admission`. */
export interface CallContext {
  readonly caller: Caller;
  readonly metadata: Metadata;
  /** Aborted when the caller goes away or the deadline passes; for a stream also when this service drains. */
  readonly signal: AbortSignal;
}
