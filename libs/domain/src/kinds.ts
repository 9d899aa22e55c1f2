/** Every kind of resource: its number in `ApiResourceKind`, that enum's name for it, and the prefix of its ids. */
export const KINDS = {
  Agent: { number: 40, enumName: 'agent', idPrefix: 'agt' },
  AgentExecution: { number: 41, enumName: 'agent_execution', idPrefix: 'aex' },
  Session: { number: 42, enumName: 'session', idPrefix: 'ses' },
  Skill: { number: 43, enumName: 'skill', idPrefix: 'skl' },
  McpServer: { number: 44, enumName: 'mcp_server', idPrefix: 'mcp' },
  AgentInstance: { number: 45, enumName: 'agent_instance', idPrefix: 'ain' },
  Workflow: { number: 50, enumName: 'workflow', idPrefix: 'wfl' },
  WorkflowInstance: { number: 51, enumName: 'workflow_instance', idPrefix: 'win' },
  WorkflowExecution: { number: 52, enumName: 'workflow_execution', idPrefix: 'wex' },
  Environment: { number: 53, enumName: 'environment', idPrefix: 'env' },
  ExecutionContext: { number: 54, enumName: 'execution_context', idPrefix: 'exec' },
} as const;

export type KindName = keyof typeof KINDS;

export interface ReferenceCandidate {
  readonly by: 'id' | 'slug';
  readonly value: string;
}

/**
 * What a reference may mean, in the order to try: an id, a slug, and `<prefix>-<slug>`, since people write
 * `env-github-prod` for the environment named `github-prod`.
 */
export function referenceCandidates(idPrefix: string, ref: string): readonly ReferenceCandidate[] {
  const candidates: ReferenceCandidate[] = [
    { by: 'id', value: ref },
    { by: 'slug', value: ref },
  ];
  const slug = ref.slice(idPrefix.length + 1);
  if (ref.startsWith(`${idPrefix}-`) && slug !== '') candidates.push({ by: 'slug', value: slug });
  return candidates;
}
