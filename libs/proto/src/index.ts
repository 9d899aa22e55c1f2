export {
  DEFAULT_DEADLINE_MS,
  MAX_MESSAGE_BYTES,
  grpcClient,
  packageDefinition,
  serviceDefinition,
  type CallOptions,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcHandlers,
  type PackageDefinition,
} from './grpc';
export {
  errorStatus,
  statusDetails,
  type ErrorStatus,
  type StatusViolation,
  type WireStatus,
} from './status';
