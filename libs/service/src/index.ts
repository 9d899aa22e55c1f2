export * from './plain';
export { GrpcController, type RpcHandlers } from './grpc-controller';
export { serve, type ServiceMain, type ServiceOptions, start } from './serve';
