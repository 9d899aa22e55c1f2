export { type Caller, type CallContext, ACTOR_HEADER, IDENTITY_HEADER, OWNER_HEADER } from './call-context';
export {
  address,
  ConfigError,
  type ConfigSchema,
  describeConfig,
  parsed,
  readConfig,
  type ServiceConfig,
  serviceConfig,
  type VariableDocs,
  type Watched,
  watched,
} from './config';
export { duration } from './duration';
export { outcomeOf } from './outcome';
export { GrpcController, type RpcHandlers } from './grpc-controller';
export { Identity, SERVICE_NAMES, type ServiceName, TrustedIdentities } from './identity';
export { newId } from './ids';
export { createLogger, type Logger } from './logger';
export { runProcess, serve, type ServiceMain } from './process';
export { type RunningService, type ServiceOptions, start } from './serve';
export { encodedServiceClient, serviceClient, type ServiceClientOptions } from './service-client';
export { addStandardServices, drain } from './standard-services';
