import type { DescService } from '@bufbuild/protobuf';
import { credentials, Metadata } from '@grpc/grpc-js';
import { type CallOptions, type EncodedGrpcClient, grpcClient, type GrpcClient } from '@stigmer/proto';
import { IDENTITY_HEADER } from './call-context';
import { fromDownstream } from './errors';
import type { Identity, ServiceName } from './identity';

/** Where a service is, who it is, and as whom it is called. */
export interface ServiceClientOptions {
  readonly address: string;
  readonly audience: ServiceName;
  readonly identity: Identity;
  /** Leaves the answers as they came: see {@link encodedServiceClient}. */
  readonly encodedAnswers?: boolean;
}

type Unary = (request: unknown, options?: CallOptions) => Promise<unknown>;
type Stream = (request: unknown, options?: CallOptions) => AsyncIterable<unknown>;

/**
 * A client for calls between services: signs every call for its callee and turns failures into DomainErrors.
 * Connects lazily, so services start in any order; retries are the contract's (see `grpcClient`).
 */
export function serviceClient<S extends DescService>(
  service: S,
  options: ServiceClientOptions,
): GrpcClient<S> {
  const { address, audience, identity, encodedAnswers } = options;
  const client = grpcClient(service, address, credentials.createInsecure(), {
    encodedAnswers,
    // A callee that restarts is found again within a second, not within grpc-js's two minutes.
    channel: { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 },
  });
  const signed = async (call: CallOptions = {}): Promise<CallOptions> => {
    const metadata = call.metadata?.clone() ?? new Metadata();
    metadata.set(IDENTITY_HEADER, await identity.token(audience));
    return { ...call, metadata };
  };
  const rpcs = service.methods.map(({ name, methodKind }) => {
    const rpc = client[name as keyof S['method']] as unknown;
    return [name, methodKind === 'unary' ? unary(rpc as Unary) : stream(rpc as Stream)] as const;
  });
  function unary(rpc: Unary): Unary {
    return async (request, call) => {
      try {
        return await rpc(request, await signed(call));
      } catch (error) {
        throw fromDownstream(error, audience);
      }
    };
  }
  function stream(rpc: Stream): Stream {
    return async function* (request, call) {
      try {
        yield* rpc(request, await signed(call));
      } catch (error) {
        throw fromDownstream(error, audience);
      }
    };
  }
  // The rpcs come from the descriptor that the type comes from; the compiler cannot follow that.
  return {
    ...Object.fromEntries(rpcs),
    close: () => {
      client.close();
    },
  } as GrpcClient<S>;
}

/** As {@link serviceClient}, for a caller who decodes the answers itself. */
export function encodedServiceClient<S extends DescService>(
  service: S,
  options: ServiceClientOptions,
): EncodedGrpcClient<S> {
  return serviceClient(service, { ...options, encodedAnswers: true }) as unknown as EncodedGrpcClient<S>;
}
