import {
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
} from '@bufbuild/protobuf';
import { isFieldError, type Path, pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import { type McpServerDefinition, McpServerDefinitionSchema } from '@stigmer/proto/agentic/agent/v1/spec';
import {
  type CallActivityTaskConfig,
  CallActivityTaskConfigSchema,
} from '@stigmer/proto/agentic/workflow/v1/tasks/call_activity';
import {
  type HttpCallTaskConfig,
  HttpCallTaskConfigSchema,
} from '@stigmer/proto/agentic/workflow/v1/tasks/http_call';
import { type RaiseTaskConfig, RaiseTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/raise';
import { type SetTaskConfig, SetTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/set';
import {
  type SwitchTaskConfig,
  SwitchTaskConfigSchema,
} from '@stigmer/proto/agentic/workflow/v1/tasks/switch';
import { type WaitTaskConfig, WaitTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/wait';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';

/** A task's configuration as its kind's message; `task_config` is free-form on the wire. */
export type TaskConfig =
  | { readonly kind: 'set'; readonly config: SetTaskConfig }
  | { readonly kind: 'http'; readonly config: HttpCallTaskConfig }
  | {
      readonly kind: 'activity';
      readonly config: CallActivityTaskConfig;
      readonly server?: McpServerDefinition;
    }
  | { readonly kind: 'switch'; readonly config: SwitchTaskConfig }
  | { readonly kind: 'wait'; readonly config: WaitTaskConfig }
  | { readonly kind: 'raise'; readonly config: RaiseTaskConfig };

/** Either the configuration, or everything that is wrong with it: sentences that quote no value. */
export type ParsedConfig<T> = { readonly parsed: T } | { readonly faults: readonly string[] };

/** The one built-in activity. */
export const CALL_TOOL = 'mcp/call-tool';

const validator = createValidator();

/** Reads a task's configuration as strictly as the runner will: unknown fields and wrong types are faults. */
export function parseTaskConfig(task: WorkflowTask): ParsedConfig<TaskConfig> {
  const json = task.taskConfig ?? {};
  switch (task.kind) {
    case WorkflowTaskKind.SET:
      return as('set', parse(SetTaskConfigSchema, json, 'task_config'));
    case WorkflowTaskKind.HTTP_CALL:
      return as('http', parse(HttpCallTaskConfigSchema, json, 'task_config'));
    case WorkflowTaskKind.CALL_ACTIVITY:
      return parseActivity(json);
    case WorkflowTaskKind.SWITCH:
      return as('switch', parse(SwitchTaskConfigSchema, json, 'task_config'));
    case WorkflowTaskKind.WAIT:
      return as('wait', parse(WaitTaskConfigSchema, json, 'task_config'));
    case WorkflowTaskKind.RAISE:
      return as('raise', parse(RaiseTaskConfigSchema, json, 'task_config'));
    case WorkflowTaskKind.GRPC_CALL:
    case WorkflowTaskKind.FOR:
    case WorkflowTaskKind.FORK:
    case WorkflowTaskKind.TRY:
    case WorkflowTaskKind.LISTEN:
    case WorkflowTaskKind.RUN:
    case WorkflowTaskKind.AGENT_CALL:
      return { faults: [`${WorkflowTaskKind[task.kind]} is not supported yet`] };
    case WorkflowTaskKind.UNSPECIFIED:
      return { faults: [`kind: must be one of ${SUPPORTED}`] };
    default:
      // Enums are open on the wire: a number that no name stands for arrives here.
      return {
        faults: [`kind: ${String(task.kind satisfies never)} is unknown; must be one of ${SUPPORTED}`],
      };
  }
}

const SUPPORTED = 'SET, HTTP_CALL, CALL_ACTIVITY, SWITCH, WAIT, RAISE';

function as<K extends TaskConfig['kind'], C>(
  kind: K,
  result: ParsedConfig<C>,
): ParsedConfig<{ kind: K; config: C }> {
  return 'faults' in result ? result : { parsed: { kind, config: result.parsed } };
}

/** `mcp/call-tool`: a server definition, a tool and its arguments. */
function parseActivity(json: JsonObject): ParsedConfig<TaskConfig> {
  const result = parse(CallActivityTaskConfigSchema, json, 'task_config');
  if ('faults' in result) return result;
  const { activity, input = {} } = result.parsed;
  if (activity !== CALL_TOOL)
    return { faults: [`task_config.activity: is unknown; the built-in one is ${CALL_TOOL}`] };
  const server = parse(McpServerDefinitionSchema, objectOf(input['server']), 'task_config.input.server');
  const faults = [
    ...('faults' in server ? server.faults : []),
    ...Object.keys(input)
      .filter((key) => !['server', 'tool', 'arguments'].includes(key))
      .map((key) => `task_config.input: has no field ${JSON.stringify(key)}`),
    ...(typeof input['tool'] === 'string' && input['tool'] !== ''
      ? []
      : ['task_config.input.tool: must name a tool']),
    ...(isObject(input['arguments'] ?? {}) ? [] : ['task_config.input.arguments: must be an object']),
  ];
  if ('faults' in server || faults.length > 0) return { faults };
  return { parsed: { kind: 'activity', config: result.parsed, server: server.parsed } };
}

function parse<M extends Message>(schema: GenMessage<M>, json: JsonObject, path: string): ParsedConfig<M> {
  let message: M;
  try {
    message = fromJson(schema, json);
  } catch (error) {
    return { faults: [`${path}: ${explain(error, schema)}`] };
  }
  const violations = (validator.validate(schema, message).violations ?? []).filter((violation) =>
    concerns(json, violation),
  );
  if (violations.length === 0) return { parsed: message };
  return {
    faults: violations.map(({ field, message: rule, ruleId }) => {
      const place = field.length === 0 ? path : `${path}.${pathToString(field)}`;
      return `${place}: ${rule === '' ? `breaks the rule ${ruleId}` : rule}`;
    }),
  };
}

/**
 * Whether a rule was broken by what somebody wrote. A number or a text without presence looks like 0 or '' when it is
 * left out, and only `required` forbids to leave it out.
 */
function concerns(json: JsonObject, { field, ruleId }: Violation): boolean {
  const last = field.at(-1);
  const scalar = last?.kind === 'field' && last.fieldKind === 'scalar';
  return !scalar || ruleId === 'required' || isGiven(json, field);
}

function isGiven(json: JsonValue | undefined, path: Path): boolean {
  const [step, ...rest] = path;
  if (step === undefined) return json !== undefined;
  if (typeof json !== 'object' || json === null) return false;
  // A oneof has no level of its own in JSON; a list is an object too, with its indices as keys.
  if (step.kind === 'oneof') return isGiven(json, rest);
  const level = json as Readonly<Record<string, JsonValue>>;
  const keys =
    'name' in step ? [step.name, step.jsonName] : [String(step.kind === 'list_sub' ? step.index : step.key)];
  return keys.some((key) => isGiven(level[key], rest));
}

/** protobuf's own message quotes the offending value; a field's name and type say enough. */
function explain(error: unknown, { name }: DescMessage): string {
  const unknownKey =
    error instanceof Error ? /key ("(?:[^"\\]|\\.){1,64}") is unknown/.exec(error.message)?.[1] : undefined;
  if (unknownKey !== undefined) return `has no field ${unknownKey}`;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isFieldError(cause))
      return `${cause.field().name}: has the wrong type for ${cause.field().parent.name}`;
  }
  return `is no ${name}`;
}

function objectOf(json: unknown): JsonObject {
  return isObject(json) ? json : {};
}

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
