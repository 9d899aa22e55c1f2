export {
  DEFAULT_DEADLINE_MS,
  Encoded,
  MAX_MESSAGE_BYTES,
  encodedGrpcClient,
  grpcClient,
  packageDefinition,
  serviceDefinition,
  type CallOptions,
  type EncodedGrpcClient,
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
