import * as grpc from '@grpc/grpc-js';
import type { DescService } from '@bufbuild/protobuf';
import {
  grpcClient,
  type GrpcClient,
  type GrpcClientOptions,
  MAX_MESSAGE_BYTES,
  serviceDefinition,
} from '../grpc';

export interface Served<S extends DescService> {
  readonly client: GrpcClient<S>;
  readonly address: string;
  readonly stop: () => void;
}

/** A bare grpc-js server on a free port, and a client of it: the far side of the network, as small as it gets. */
export async function serveService<S extends DescService>(
  service: S,
  handlers: grpc.UntypedServiceImplementation,
  options?: GrpcClientOptions,
): Promise<Served<S>> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  server.addService(serviceDefinition(service), handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  const address = `127.0.0.1:${port}`;
  const client = grpcClient(service, address, grpc.credentials.createInsecure(), options);
  const stop = () => {
    client.close();
    server.forceShutdown();
  };
  return { client, address, stop };
}
