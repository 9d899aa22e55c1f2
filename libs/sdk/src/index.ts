export { fromServiceError, toStatus } from './errors';
