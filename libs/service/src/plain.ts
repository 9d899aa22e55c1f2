/**
 * What a process needs that is no Nest application. Nest takes 17 MB of memory, so the gateway and the workflow-runner
 * load this and not the whole.
 */
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
export { Identity, SERVICE_NAMES, type ServiceName, TrustedIdentities } from './identity';
export { newId } from './ids';
export { createLogger, type Logger } from './logger';
export { runProcess } from './process';
export { type RunningService, type ServerOptions, startServer } from './server';
export { encodedServiceClient, serviceClient, type ServiceClientOptions } from './service-client';
export { addStandardServices, drain } from './standard-services';
