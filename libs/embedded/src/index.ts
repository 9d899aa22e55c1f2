export type { EmbeddedServer, ServerOptions } from './embedded-server';
export { startMongo } from './mongo';
export { freePort } from './port';
export { startRedis } from './redis';
export { startTemporal, type TemporalOptions } from './temporal';
export { startScriptedModel, type ModelAnswer, type ModelRequest, type ScriptedModel } from './scripted-model';
