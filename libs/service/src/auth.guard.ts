import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { permissionDenied, unauthenticated } from '@stigmer/domain';
import { ACTOR_HEADER, bindContext, type Caller, IDENTITY_HEADER, OWNER_HEADER } from './call-context';
import { mayCall } from './callers';
import type { ServiceName, TrustedIdentities } from './identity';
import type { Logger } from './logger';

type Call = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** What the guard needs to know of the service it stands before. */
export interface GuardOptions {
  readonly self: ServiceName;
  readonly trusted: TrustedIdentities;
  /** Aborted when the service begins to drain: ends the open streams. */
  readonly draining: AbortSignal;
  readonly log: Logger;
}

/** Admits a call whose identity token is good and whose caller the table allows; on loopback too. */
export class IdentityGuard implements CanActivate {
  constructor(private readonly options: GuardOptions) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const call = context.getArgByIndex<Call>(2);
    const path = call.getPath();
    const service = await this.identify(call, path);
    if (!mayCall(path, service)) {
      this.options.log.warn({ path, caller: service }, 'call refused: not allowed for this caller');
      throw permissionDenied(`${service} may not call ${path}`);
    }
    bindContext(call, {
      caller: callerOf(call, service),
      metadata: call.metadata,
      signal: AbortSignal.any([cancellation(call), ...('write' in call ? [this.options.draining] : [])]),
    });
    return true;
  }

  private async identify(call: Call, path: string): Promise<ServiceName> {
    const token = only(call, IDENTITY_HEADER);
    if (token === undefined) throw unauthenticated(`a service identity is required (${IDENTITY_HEADER})`);
    try {
      return await this.options.trusted.verify(token, this.options.self);
    } catch (error) {
      // Why a token was refused helps an operator (a clock, a missing key) and an attacker: so it goes to the log.
      this.options.log.warn({ path, err: error }, 'call refused: bad identity token');
      throw unauthenticated('the service identity is not valid here');
    }
  }
}

/** Actor and owner are believed from the gateway alone: it strips what clients send under these names. */
function callerOf(call: Call, service: ServiceName): Caller {
  if (service !== 'gateway') return { service, actor: service, owner: false };
  return { service, actor: only(call, ACTOR_HEADER) ?? 'local', owner: only(call, OWNER_HEADER) === 'true' };
}

/** The one text value of a metadata key; a repeated key is as good as none. */
function only(call: Call, key: string): string | undefined {
  const values = call.metadata.get(key);
  return values.length === 1 && typeof values[0] === 'string' ? values[0] : undefined;
}

function cancellation(call: Call): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else
    call.once('cancelled', () => {
      controller.abort();
    });
  return controller.signal;
}
