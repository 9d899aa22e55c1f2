/** The names that the one who starts a workflow and the one who runs it must agree on. */
export const TASK_QUEUES = { workflows: 'stigmer-workflows', agents: 'stigmer-agents' } as const;

export const WORKFLOW_TYPES = { workflow: 'runWorkflow', agent: 'runAgent' } as const;
