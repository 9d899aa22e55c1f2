import { setMaxListeners } from 'node:events';
import type { DescMethod } from '@bufbuild/protobuf';
import {
  type Client,
  type ClientReadableStream,
  connectivityState,
  type Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type StatusObject,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { type Logger, outcomeOf, type ServiceName } from '@stigmer/service/plain';
import type { Admission } from './admission';

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type StreamCall = ServerWritableStream<Buffer, Buffer>;
/** How a call ends, as grpc-js takes it. */
interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** One part behind the gateway, with a connection to it. */
export interface Backend {
  readonly owner: ServiceName;
  readonly client: Client;
}

/**
 * An rpc as the gateway serves it: bytes in, bytes out, never decoded, so that fields this build does not know pass
 * through.
 */
export function passThrough(rpc: DescMethod): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/${rpc.parent.typeName}/${rpc.name}`,
    requestStream: false,
    responseStream: rpc.methodKind === 'server_streaming',
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** Forwards calls to their owners. */
export class Proxy {
  constructor(
    private readonly admission: Admission,
    /** Aborted when the gateway drains: ends the subscriptions, lets unary calls finish. */
    private readonly draining: AbortSignal,
    private readonly log: Logger,
  ) {
    // One listener for each open subscription is meant, not a leak.
    setMaxListeners(0, draining);
  }

  /** The handler of one rpc. */
  handler(rpc: DescMethod, backend: Backend): UntypedHandleCall {
    const { path } = passThrough(rpc);
    return rpc.methodKind === 'server_streaming' ? this.stream(path, backend) : this.unary(path, backend);
  }

  /** On the wire a unary answer is a stream of one message. But two streams of Node's cost as much as all else of it. */
  private unary(path: string, backend: Backend) {
    return (call: UnaryCall, done: sendUnaryData<Buffer>): void => {
      this.forwardUnary(path, backend, call, done).catch((error: unknown) => {
        done(outcomeOf(error, path, this.log));
      });
    };
  }

  private async forwardUnary(
    path: string,
    { owner, client }: Backend,
    call: UnaryCall,
    done: sendUnaryData<Buffer>,
  ): Promise<void> {
    const metadata = await this.admission.admit(call.metadata, owner);
    if (call.cancelled) return;
    let message: Buffer | undefined;
    let failure: StatusObject | null = null;
    const options = { deadline: call.getDeadline() };
    const answer = client.makeUnaryRequest(
      path,
      same,
      same,
      call.request,
      metadata,
      options,
      (error, bytes) => {
        failure = error;
        message = bytes;
      },
    );
    answer.on('metadata', (headers) => {
      call.sendMetadata(headers);
    });
    // It comes last, and has the trailers.
    answer.on('status', (received) => {
      if (message !== undefined) done(null, message, received.metadata);
      else done(this.explain(failure ?? received, owner, client));
    });
    call.on('cancelled', () => {
      answer.cancel();
    });
  }

  private stream(path: string, backend: Backend) {
    return (call: StreamCall): void => {
      this.forwardStream(path, backend, call).catch((error: unknown) => {
        fail(call, outcomeOf(error, path, this.log));
      });
    };
  }

  private async forwardStream(path: string, { owner, client }: Backend, call: StreamCall): Promise<void> {
    const metadata = await this.admission.admit(call.metadata, owner);
    if (call.cancelled) return;
    const answer = client.makeServerStreamRequest(path, same, same, call.request, metadata, {
      deadline: call.getDeadline(),
    });
    const cancel = (): void => {
      answer.cancel();
    };
    call.on('cancelled', cancel);
    this.draining.addEventListener('abort', cancel);
    const outcome = await relay(answer, call);
    this.draining.removeEventListener('abort', cancel);
    if (outcome.code === status.OK) call.end(outcome.metadata);
    else fail(call, this.explain(outcome, owner, client));
  }

  /** A backend's status passes as it is; the gateway's own two reasons for a failure are put into words. */
  private explain(outcome: StatusObject, owner: ServiceName, client: Client): Outcome {
    if (outcome.code === status.CANCELLED && this.draining.aborted) {
      return { code: status.UNAVAILABLE, details: 'the gateway is shutting down; subscribe again' };
    }
    const connected = client.getChannel().getConnectivityState(false) === connectivityState.READY;
    if (outcome.code === status.UNAVAILABLE && !connected) {
      this.log.warn({ owner, reason: outcome.details }, 'a part is unavailable');
      return { code: status.UNAVAILABLE, details: `${owner} is unavailable` };
    }
    return outcome;
  }
}

/** Copies headers and messages, at the reader's pace; resolves with the backend's status once all is copied. */
function relay(answer: ClientReadableStream<Buffer>, call: StreamCall): Promise<StatusObject> {
  return new Promise((resolve) => {
    let outcome: StatusObject | undefined;
    answer.on('metadata', (headers) => {
      call.sendMetadata(headers);
    });
    answer.on('data', (message: Buffer) => {
      if (call.write(message)) return;
      answer.pause();
      call.once('drain', () => {
        answer.resume();
      });
    });
    // Every error is also a status. The status comes before the last messages are read, so the end is awaited.
    answer.on('error', () => undefined);
    answer.on('status', (received) => {
      outcome = received;
    });
    answer.on('end', () => {
      if (outcome !== undefined) resolve(outcome);
    });
  });
}

/** Ends a call with a status that is not OK. grpc-js takes it as an error event. */
function fail(call: StreamCall, outcome: Outcome): void {
  call.emit('error', Object.assign(new Error(outcome.details), outcome));
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
