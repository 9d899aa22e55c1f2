import { parseExpressions } from './expression';

/** The part of `workflow.v1.WorkflowTask` that matters here; the generated message has this shape. */
export interface WorkflowTaskShape {
  readonly name: string;
  /** JSON, free-form on the wire. */
  readonly taskConfig?: unknown;
  readonly export?: { readonly as: string };
}

/** A text of a task, and where it stands: `headers.Authorization`, `cases[0].when`. */
export interface TaskText {
  readonly path: string;
  readonly text: string;
}

/** A place where a workflow names a variable of its run: `tasks[2] notify: headers.Authorization`. */
export interface VariableUseShape {
  readonly location: string;
  readonly name: string;
  readonly secret: boolean;
}

/** The texts of a task that may hold expressions; `export.as` is one of them. */
export function taskTexts({ taskConfig, export: exported }: WorkflowTaskShape): readonly TaskText[] {
  const texts = stringsOf(taskConfig, '');
  return exported === undefined ? texts : [...texts, { path: 'export.as', text: exported.as }];
}

/**
 * The variables that a workflow's tasks name, in order: what a run is checked for before it starts, and what is
 * explained without one. A text that cannot be read names none; no such workflow is admitted.
 */
export function variableUses(tasks: readonly WorkflowTaskShape[]): readonly VariableUseShape[] {
  return tasks.flatMap((task, index) =>
    taskTexts(task).flatMap(({ path, text }) => usesIn(text, `tasks[${index}] ${task.name}: ${path}`)),
  );
}

function usesIn(text: string, location: string): readonly VariableUseShape[] {
  const parsed = parseExpressions(text);
  if (!parsed.ok) return [];
  return parsed.parts.flatMap((part) =>
    part.kind === 'literal'
      ? []
      : [
          ...part.secrets.map((name) => ({ location, name, secret: true })),
          ...part.envVars.map((name) => ({ location, name, secret: false })),
        ],
  );
}

/** Inside an MCP server's definition `${NAME}` is a placeholder, and those are checked where servers are. */
function stringsOf(json: unknown, path: string): readonly TaskText[] {
  if (path === 'input.server') return [];
  if (typeof json === 'string') return [{ path, text: json }];
  if (Array.isArray(json)) return json.flatMap((item, index) => stringsOf(item, `${path}[${index}]`));
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, item]) => stringsOf(item, path === '' ? key : `${path}.${key}`));
}
