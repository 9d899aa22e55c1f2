import {
  onlyExpression,
  parseExpressions,
  taskTexts,
  variableUses,
  type VariableUseShape,
  type Violation,
} from '@stigmer/domain';
import type { McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import type { WorkflowSpec, WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { flowFaults, longestWait, type ReadTask } from './flow';
import { serverFaults } from './mcp-servers';
import { secretRefusal, secretUses } from './secret-places';
import { parseTaskConfig, type TaskConfig } from './task-config';

/** What a workflow needs of its run's variables: what the resolver checks before anything starts. */
export interface WorkflowNeeds {
  readonly variableUses: readonly VariableUseShape[];
  readonly mcpServers: readonly McpServerDefinition[];
}

/** Everything that is wrong with a workflow's tasks, each with the task's name. */
export function definitionFaults(spec: WorkflowSpec, longestLifeSeconds: number): readonly Violation[] {
  if (spec.definition !== undefined) {
    const description =
      'whole Serverless Workflow documents are not supported yet; write the steps as spec.tasks';
    return [{ field: 'spec.definition', description }];
  }
  const parsed = spec.tasks.map((task) => ({ task, result: parseTaskConfig(task) }));
  const tasks = parsed.map(({ task, result }) => ({
    task,
    read: 'parsed' in result ? result.parsed : undefined,
  }));
  const flow = flowFaults(tasks);
  const faults = parsed.flatMap(({ task, result }, index) => {
    const sentences = 'faults' in result ? result.faults : configFaults(task, result.parsed);
    return [...sentences, ...(flow.get(index) ?? [])].map((sentence) => ({
      field: `spec.tasks[${index}]`,
      description: `${task.name}: ${sentence}`,
    }));
  });
  return [...faults, ...waitFaults(tasks, longestLifeSeconds)];
}

/** What an admitted workflow needs. */
export function needsOf(spec: WorkflowSpec): WorkflowNeeds {
  const mcpServers = spec.tasks.flatMap((task) => {
    const result = parseTaskConfig(task);
    const calls = 'parsed' in result && result.parsed.kind === 'activity' ? result.parsed : undefined;
    return calls?.server ?? [];
  });
  return { variableUses: variableUses(spec.tasks), mcpServers };
}

function configFaults(task: WorkflowTask, read: TaskConfig): readonly string[] {
  return [
    ...particularFaults(read),
    ...exportFaults(task),
    ...taskTexts(task).flatMap(({ path, text }) => textFaults(task, path, text)),
  ];
}

/** The runner evaluates it to one JSON value; a text around an expression would make another of it. */
function exportFaults({ export: exported }: WorkflowTask): readonly string[] {
  return exported === undefined || isExpression(exported.as)
    ? []
    : ['export.as: must be one expression, as in ${ . }'];
}

/** What a kind's message cannot say by itself. */
function particularFaults(read: TaskConfig): readonly string[] {
  switch (read.kind) {
    case 'http':
      return read.config.method === 'GET' && read.config.body !== undefined
        ? ['body: a GET request has none']
        : [];
    case 'switch':
      return read.config.cases.flatMap(({ when }, index) =>
        when === '' || isExpression(when)
          ? []
          : [`cases[${index}].when: must be one expression, as in \${ .output.ok }`],
      );
    case 'activity':
      return serverFaults(read.server === undefined ? [] : [read.server], 'input.server').map(
        ({ field, description }) => `${field.replace('[0]', '')}: ${description}`,
      );
    case 'set':
    case 'wait':
    case 'raise':
      return [];
  }
}

/** One that cannot be read has a fault already, among its task's texts. */
function isExpression(text: string): boolean {
  const parsed = parseExpressions(text);
  return !parsed.ok || onlyExpression(parsed.parts) !== undefined;
}

function textFaults(task: WorkflowTask, path: string, text: string): readonly string[] {
  const parsed = parseExpressions(text);
  if (!parsed.ok) return [`${path}: ${parsed.problem}`];
  return secretUses(parsed.parts).flatMap(({ name, prefix }) => {
    const refusal = secretRefusal(task.kind, path, prefix);
    return refusal === undefined ? [] : [`${path}: the secret ${name} cannot be used here: ${refusal}`];
  });
}

function waitFaults(tasks: readonly ReadTask[], longestLifeSeconds: number): readonly Violation[] {
  const seconds = longestWait(tasks);
  if (seconds <= longestLifeSeconds) return [];
  const description = `the WAIT tasks alone can take ${seconds} s, and a run's context lives at most ${longestLifeSeconds} s`;
  return [{ field: 'spec.tasks', description }];
}
