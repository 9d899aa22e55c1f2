export { verifyKeys } from './key-record';
export { connectMongo, isDuplicate, withMongo } from './mongo';
