import * as grpc from '@grpc/grpc-js';
import { EnvironmentQueryController } from './gen/ai/stigmer/agentic/environment/v1/query_pb';
import { grpcClient, type GrpcHandlers } from './grpc';

test('types', () => {
  const client = grpcClient(EnvironmentQueryController, 'localhost:1', grpc.credentials.createInsecure());
  const x: Promise<string> = client.get({ value: 'x' }).then((e) => e.metadata?.name ?? '');
  x.catch(() => undefined);
  client.close();
  const handlers: GrpcHandlers<typeof EnvironmentQueryController, { who: string }> = {
    async get(request, context) {
      return { metadata: { name: request.value + context.who } };
    },
    async getByReference() {
      return {};
    },
    async getSecretValue() {
      return { value: '' };
    },
    async list() {
      return { items: [{ spec: { data: { a: { value: 'x' } } } }] };
    },
  };
  expect(Object.keys(handlers)).toHaveLength(4);
});
