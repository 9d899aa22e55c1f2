export { startAws } from './aws';
export type { EmbeddedServer, ServerOptions } from './embedded-server';
export { startMongo } from './mongo';
export { freePort, requireFreePort } from './port';
export { probeGrpc } from './probe';
export { startRedis } from './redis';
export { startProcess, type ProcessPlan, type SupervisedProcess } from './supervised-process';
export { SERVICE_FLAGS, SERVICE_VARIABLES } from './service-process';
export { startTemporal, type TemporalOptions } from './temporal';
export {
  startScriptedModel,
  type ModelAnswer,
  type ModelRequest,
  type ScriptedModel,
} from './scripted-model';
