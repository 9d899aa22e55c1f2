export { connect, type ConnectOptions, type Stigmer } from './connect';
export { fromServiceError, toStatus } from './errors';
export { Agent, AgentInstance, type AgentArgs, type AgentInstanceArgs } from './program/agent';
export type { Config } from './program/config';
export { Environment, type EnvironmentArgs } from './program/environment';
export { httpServer, stdioServer, type HttpServerArgs, type StdioServerArgs } from './program/mcp-server';
export {
  collect,
  loadProgram,
  run,
  type CollectOptions,
  type LoadedProgram,
  type Program,
} from './program/program';
export type {
  Context,
  EnvironmentReference,
  PinnedEnvironment,
  Reference,
  Resource,
  ResourceArgs,
  ResourceMessage,
} from './program/resource';
export { secret, type Secret, type SecretSource } from './program/secret';
export type { Variable, VariableDeclaration, VariableDeclarations, Variables } from './program/variables';
export {
  Workflow,
  WorkflowInstance,
  type TaskArgs,
  type WorkflowArgs,
  type WorkflowInstanceArgs,
} from './program/workflow';
