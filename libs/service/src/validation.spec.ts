import { create, type DescMessage, type DescService, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { DomainError } from '@stigmer/domain';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { ExecutionContextCommandController } from '@stigmer/proto/agentic/executioncontext/v1/command';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { assertValid } from './validation';

const CANARY = 'canary with spaces \u0000 and more';

function refusal(schema: DescMessage, message: Message): DomainError | undefined {
  try {
    assertValid(schema, message);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

describe('a request that breaks the contract', () => {
  it('is refused with every broken field, by its path', () => {
    const error = refusal(
      EnvironmentSchema,
      create(EnvironmentSchema, { apiVersion: 'wrong', kind: 'Wrong' }),
    );
    expect(error).toMatchObject({ kind: 'invalid-argument' });
    expect(error?.violations.map(({ field }) => field)).toEqual(['api_version', 'kind', 'metadata']);
  });

  it('is refused in words of the contract: no text of the request, whatever the message', () => {
    const refused = inputs().flatMap((schema) => refusal(schema, filled(schema)) ?? []);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    for (const { message, violations } of refused) {
      expect(`${message} ${JSON.stringify(violations)}`).not.toContain('canary');
    }
  });
});

/** What the commands of the contract take: that is where its rules are. */
function inputs(): readonly DescMessage[] {
  const services: readonly DescService[] = [
    AgentCommandController,
    AgentExecutionCommandController,
    AgentInstanceCommandController,
    EnvironmentCommandController,
    ExecutionContextCommandController,
    SessionCommandController,
    WorkflowCommandController,
    WorkflowExecutionCommandController,
    WorkflowInstanceCommandController,
    RunResolver,
  ];
  return [...new Set(services.flatMap(({ methods }) => methods.map(({ input }) => input)))];
}

/** A message whose every text is the canary, to some depth. Map keys stay harmless: they are names, and paths name them. */
function filled(schema: DescMessage, depth = 6): Message {
  const message = reflect(schema);
  if (depth > 0) for (const field of schema.fields) fill(message, field, depth);
  return message.message;
}

function fill(target: ReflectMessage, field: DescMessage['fields'][number], depth: number): void {
  switch (field.fieldKind) {
    case 'scalar':
      if (field.scalar === ScalarType.STRING) target.set(field, CANARY);
      return;
    case 'message':
      target.set(field, reflect(field.message, filled(field.message, depth - 1)));
      return;
    case 'list': {
      const list = target.get(field);
      if (field.listKind === 'message') list.add(reflect(field.message, filled(field.message, depth - 1)));
      if (field.listKind === 'scalar' && field.scalar === ScalarType.STRING) list.add(CANARY);
      return;
    }
    case 'map': {
      const map = target.get(field);
      if (field.mapKey !== ScalarType.STRING) return;
      if (field.mapKind === 'message')
        map.set('key', reflect(field.message, filled(field.message, depth - 1)));
      if (field.mapKind === 'scalar' && field.scalar === ScalarType.STRING) map.set('key', CANARY);
      return;
    }
    case 'enum':
      return;
  }
}
