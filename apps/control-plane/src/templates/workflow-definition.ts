import { create, type JsonValue } from '@bufbuild/protobuf';
import type { Violation } from '@stigmer/domain';
import type { McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import { type VariableUse, VariableUseSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import type { WorkflowSpec, WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { expressionUses } from './expressions';
import { flowFaults, longestWait, type ReadTask } from './flow';
import { serverFaults } from './mcp-servers';
import { secretRefusal } from './secret-places';
import { parseTaskConfig, type TaskConfig } from './task-config';

/** What a workflow needs of its run's variables: what the resolver checks before anything starts. */
export interface WorkflowNeeds {
  readonly variableUses: readonly VariableUse[];
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
  const servers: McpServerDefinition[] = [];
  const uses = spec.tasks.flatMap((task, index) => {
    const result = parseTaskConfig(task);
    if ('parsed' in result && result.parsed.kind === 'activity' && result.parsed.server !== undefined) {
      servers.push(result.parsed.server);
    }
    return textsOf(task).flatMap(({ path, text }) => usesOf(`tasks[${index}] ${task.name}: ${path}`, text));
  });
  return { variableUses: uses, mcpServers: servers };
}

function usesOf(location: string, text: string): readonly VariableUse[] {
  const { secrets, envVars } = expressionUses(text);
  return [
    ...secrets.map(({ name }) => create(VariableUseSchema, { location, name, secret: true })),
    ...envVars.map((name) => create(VariableUseSchema, { location, name, secret: false })),
  ];
}

function configFaults(task: WorkflowTask, read: TaskConfig): readonly string[] {
  return [
    ...particularFaults(read),
    ...textsOf(task).flatMap(({ path, text }) => textFaults(task, path, text)),
  ];
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
        when === '' || expressionUses(when).whole
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

function textFaults(task: WorkflowTask, path: string, text: string): readonly string[] {
  const { secrets, problem } = expressionUses(text);
  if (problem !== undefined) return [`${path}: ${problem}`];
  return secrets.flatMap(({ name, prefix }) => {
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

/** The texts of a task in which expressions are looked for. In an MCP server's definition there are none. */
function textsOf({ taskConfig, export: exported }: WorkflowTask): readonly { path: string; text: string }[] {
  const texts = stringsOf(taskConfig ?? {}, '').filter(({ path }) => !/^input\.server\b/.test(path));
  return exported === undefined ? texts : [...texts, { path: 'export.as', text: exported.as }];
}

function stringsOf(json: JsonValue, path: string): readonly { path: string; text: string }[] {
  if (typeof json === 'string') return [{ path, text: json }];
  if (Array.isArray(json)) return json.flatMap((item, index) => stringsOf(item, `${path}[${index}]`));
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, item]) => stringsOf(item, path === '' ? key : `${path}.${key}`));
}
