import type { DescMessage, Message } from '@bufbuild/protobuf';
import { KINDS as KIND_TABLE, type KindName } from '@stigmer/domain';
import { AgentSchema } from '@stigmer/proto/agentic/agent/v1/api';
import { AgentExecutionSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { ExecutionContextSchema } from '@stigmer/proto/agentic/executioncontext/v1/api';
import { SessionSchema } from '@stigmer/proto/agentic/session/v1/api';
import { WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { WorkflowInstanceSchema } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { ApiResourceMetadata } from '@stigmer/proto/commons/apiresource/metadata';

export const API_VERSION = 'agentic.stigmer.ai/v1';

/** What all resources have in common, whatever their kind. */
export type Resource = Message & {
  readonly apiVersion: string;
  readonly kind: string;
  metadata?: ApiResourceMetadata | undefined;
};

/** The kinds the server has: the contract describes more. */
export type ServedKind = Exclude<KindName, 'McpServer' | 'Skill'>;

export interface Kind {
  readonly name: ServedKind;
  /** As typed on the command line. */
  readonly word: string;
  readonly schema: DescMessage;
  /** How a file of this kind is written to the server; undefined where runs make the resource. */
  readonly apply?: {
    /** Kinds of a lower rank are written first, since this one may refer to them. */
    readonly rank: number;
    /** Who owns the resource where the file does not say. */
    readonly ownerScope?: 'organization';
  };
}

/** A kind that files may hold. */
export type ApplicableKind = Kind & Required<Pick<Kind, 'apply'>>;

const organization = 'organization';

export const KINDS: readonly Kind[] = [
  {
    name: 'Environment',
    word: 'environment',
    schema: EnvironmentSchema,
    apply: { rank: 0, ownerScope: organization },
  },
  { name: 'ExecutionContext', word: 'execution-context', schema: ExecutionContextSchema, apply: { rank: 0 } },
  { name: 'Agent', word: 'agent', schema: AgentSchema, apply: { rank: 1, ownerScope: organization } },
  {
    name: 'Workflow',
    word: 'workflow',
    schema: WorkflowSchema,
    apply: { rank: 2, ownerScope: organization },
  },
  {
    name: 'AgentInstance',
    word: 'agent-instance',
    schema: AgentInstanceSchema,
    apply: { rank: 3, ownerScope: organization },
  },
  {
    name: 'WorkflowInstance',
    word: 'workflow-instance',
    schema: WorkflowInstanceSchema,
    apply: { rank: 3, ownerScope: organization },
  },
  { name: 'Session', word: 'session', schema: SessionSchema, apply: { rank: 4, ownerScope: organization } },
  { name: 'AgentExecution', word: 'agent-execution', schema: AgentExecutionSchema },
  { name: 'WorkflowExecution', word: 'workflow-execution', schema: WorkflowExecutionSchema },
];

/** A kind as people write it: `agent-instance`, `AgentInstance`, `agent_instances`, or the prefix of its ids. */
export function findKind(text: string): Kind | undefined {
  const wanted = letters(text);
  return KINDS.find(({ name, word }) => {
    const singular = letters(word);
    return wanted === singular || wanted === `${singular}s` || wanted === KIND_TABLE[name].idPrefix;
  });
}

/** The kind an id belongs to, by its prefix. */
export function kindOfId(id: string): Kind | undefined {
  return KINDS.find(({ name }) => id.startsWith(`${KIND_TABLE[name].idPrefix}-`));
}

function letters(text: string): string {
  return text.toLowerCase().replaceAll(/[-_ ]/g, '');
}
