export { connect, type ConnectOptions, type Stigmer } from './connect';
export { fromServiceError, toStatus } from './errors';
