export { type Answered, type AskMany, Batcher } from './batcher';
export { connectMongo, isDuplicate, withMongo } from './mongo';
