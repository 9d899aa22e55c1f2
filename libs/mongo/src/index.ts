export { connectMongo, isDuplicate, withMongo } from './mongo';
