export { RedisChannel } from './redis-channel';
