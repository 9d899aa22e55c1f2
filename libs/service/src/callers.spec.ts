import { mayCall } from './callers';
import { SERVICE_NAMES } from './identity';

/** Who may call the rpcs that carry plaintext or decide over it, in full. */
const TABLE = [
  ['/ai.stigmer.internal.v1.EnvironmentVault/open', ['resolver-service']],
  ['/ai.stigmer.internal.v1.RunResolver/prepare', ['control-plane']],
  ['/ai.stigmer.internal.v1.ContextVault/create', ['resolver-service']],
  ['/ai.stigmer.internal.v1.ContextVault/renew', ['control-plane']],
  ['/ai.stigmer.internal.v1.ContextVault/list', ['control-plane']],
  ['/ai.stigmer.internal.v1.ContextVault/destroy', ['control-plane', 'workflow-runner']],
  ['/ai.stigmer.internal.v1.ExecutionSnapshots/get', ['workflow-runner']],
  ['/ai.stigmer.internal.v1.EnvironmentUsers/list', ['environment-service']],
  [
    '/ai.stigmer.agentic.executioncontext.v1.ExecutionContextQueryController/getByExecutionId',
    ['gateway', 'workflow-runner'],
  ],
  ['/ai.stigmer.agentic.environment.v1.EnvironmentQueryController/getSecretValue', ['gateway']],
  ['/ai.stigmer.agentic.agentexecution.v1.AgentExecutionCommandController/updateStatus', ['workflow-runner']],
  [
    '/ai.stigmer.agentic.workflowexecution.v1.WorkflowExecutionCommandController/updateStatus',
    ['workflow-runner'],
  ],
] as const;

describe('the table of callers', () => {
  it.each(TABLE)('lets %s be called by %j alone', (path, callers) => {
    expect(SERVICE_NAMES.filter((name) => mayCall(path, name))).toEqual(callers);
  });

  it('refuses everybody what it does not name', () => {
    for (const path of [
      '',
      '/',
      '/ai.stigmer.internal.v1.EnvironmentVault/other',
      '/ai.stigmer.agentic',
      '/x.Y/z',
    ]) {
      expect(SERVICE_NAMES.filter((name) => mayCall(path, name))).toEqual([]);
    }
  });
});
