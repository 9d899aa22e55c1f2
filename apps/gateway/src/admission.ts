import { createHash, timingSafeEqual } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { unauthenticated } from '@stigmer/domain';
import {
  ACTOR_HEADER,
  IDENTITY_HEADER,
  OWNER_HEADER,
  type Identity,
  type ServiceName,
} from '@stigmer/service/plain';

/** Everything under this prefix is ours to say: whatever a client sends there is dropped, known name or not. */
const OURS = 'x-stigmer-';
/** What a client may send to prove that it is the owner of this installation. */
const LOCAL_TOKEN_HEADER = 'x-stigmer-local-token';
/** Accepted, since deployed clients send it, and ignored; nor does it belong in a backend's hands. */
const IGNORED = new Set(['authorization', 'user-agent']);

/** Turns a client's metadata into what a backend may believe. */
export class Admission {
  private readonly localToken: Buffer | undefined;

  constructor(
    private readonly identity: Identity,
    localToken: string | undefined,
  ) {
    this.localToken = localToken === undefined ? undefined : digest(localToken);
  }

  /** The metadata of the call to `owner`: the client's without its claims, then ours, signed for that owner. */
  async admit(inbound: Metadata, owner: ServiceName): Promise<Metadata> {
    const outbound = new Metadata();
    for (const key of Object.keys(inbound.getMap())) {
      if (key.startsWith(OURS) || IGNORED.has(key)) continue;
      for (const value of inbound.get(key)) outbound.add(key, value);
    }
    outbound.set(ACTOR_HEADER, 'local');
    if (this.isOwner(inbound)) outbound.set(OWNER_HEADER, 'true');
    outbound.set(IDENTITY_HEADER, await this.identity.token(owner));
    return outbound;
  }

  /**
   * Whether the client holds the local token. A wrong one is refused and not overlooked: whoever sends it means
   * another installation, and should hear so instead of being told that a right is missing.
   */
  private isOwner(inbound: Metadata): boolean {
    const presented = inbound.get(LOCAL_TOKEN_HEADER);
    if (presented.length === 0) return false;
    const [token] = presented;
    // Equal-length digests, compared in constant time: the answer's timing says nothing about the token.
    if (
      this.localToken !== undefined &&
      presented.length === 1 &&
      typeof token === 'string' &&
      timingSafeEqual(digest(token), this.localToken)
    ) {
      return true;
    }
    throw unauthenticated('the local token is not the one of this installation');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
