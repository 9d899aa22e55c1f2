import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { permissionDenied, unauthenticated, unavailable } from '@stigmer/domain';
import { ACTOR_HEADER, type CallContext, type Caller, IDENTITY_HEADER, OWNER_HEADER } from './call-context';
import { mayCall } from './callers';
import type { ServiceName, TrustedIdentities } from './identity';
import type { Logger } from './logger';

/** A call as grpc-js hands it over. */
export type Call = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** What stands before a service needs to know of it. */
export interface AdmissionOptions {
  readonly self: ServiceName;
  readonly trusted: TrustedIdentities;
  /** Aborted when the service begins to drain: ends the open streams. */
  readonly draining: AbortSignal;
  readonly log: Logger;
}

/**
 * Admits a call whose identity token is good and whose caller the table allows; on loopback too. The only place that
 * makes a `CallContext`, without which no controller can be called.
 */
export class Admission {
  constructor(private readonly options: AdmissionOptions) {}

  /** `stream`: the answer is one, which ends when the service drains. */
  async admit(call: Call, path: string, stream: boolean): Promise<CallContext> {
    const service = await this.identify(call, path);
    if (!mayCall(path, service)) {
      this.options.log.warn({ path, caller: service }, 'call refused: not allowed for this caller');
      throw permissionDenied(`${service} may not call ${path}`);
    }
    return new AdmittedCall(call, callerOf(call, service), stream ? this.options.draining : undefined);
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

class AdmittedCall implements CallContext {
  private made: AbortSignal | undefined;

  constructor(
    private readonly call: Call,
    readonly caller: Caller,
    private readonly draining: AbortSignal | undefined,
  ) {}

  get metadata(): CallContext['metadata'] {
    return this.call.metadata;
  }

  /** Made when it is asked for: most calls are over before anybody would look at one, and it costs as much as they do. */
  get signal(): AbortSignal {
    this.made ??=
      this.draining === undefined
        ? cancellation(this.call)
        : AbortSignal.any([cancellation(this.call), this.draining]);
    return this.made;
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

/**
 * Made once: grpc-js says `cancelled` at the end of every call, of those that were answered too, and an abort without a
 * reason makes one each time, with a stack trace.
 */
const OVER = unavailable('the call is over, or its caller has gone away');

function cancellation(call: Call): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort(OVER);
  else
    call.once('cancelled', () => {
      controller.abort(OVER);
    });
  return controller.signal;
}
