import { createHash } from 'node:crypto';
import { clone, create, type JsonValue, toJson } from '@bufbuild/protobuf';
import { checkVariables, invalidArguments, isRedacted, quoteName, REDACTED } from '@stigmer/domain';
import { type ExecutionValue, ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { Kind } from '../resources/kind';
import type { Execution } from './execution-kind';

const FIELD = 'spec.runtime_env';

/** INVALID_ARGUMENT for names, sizes and amounts out of bounds, and for the marker that stands for a hidden value. */
export function checkRuntimeEnv(runtimeEnv: Readonly<Record<string, ExecutionValue>>): void {
  const entries = Object.entries(runtimeEnv);
  checkVariables(
    entries.map(([name, { value }]) => [name, value] as const),
    'context',
    FIELD,
  );
  const hidden = entries.filter(([, { value }]) => isRedacted(value)).map(([name]) => name);
  if (hidden.length === 0) return;
  const description = `${REDACTED} stands for a value that was not shown; give the value itself`;
  throw invalidArguments(hidden.map((name) => ({ field: `${FIELD}[${quoteName(name)}]`, description })));
}

/** The runtime values as the resolver may see them before a run: which there are and which are secret, none of them. */
export function withoutValues(
  runtimeEnv: Readonly<Record<string, ExecutionValue>>,
): Record<string, ExecutionValue> {
  return mapValues(runtimeEnv, ({ isSecret }) => create(ExecutionValueSchema, { value: '', isSecret }));
}

/** An execution as it may be stored and shown: no value of a secret, and no callback token, which is one too. */
export function redacted<E extends Execution>(
  kind: Kind<E>,
  execution: E,
  isSecret: (name: string) => boolean,
): E {
  const shown = clone(kind.schema, execution);
  if (shown.spec === undefined) return shown;
  shown.spec.callbackToken = new Uint8Array();
  shown.spec.runtimeEnv = mapValues(shown.spec.runtimeEnv, (value, name) =>
    value.isSecret || isSecret(name)
      ? create(ExecutionValueSchema, { value: REDACTED, isSecret: true })
      : value,
  );
  return shown;
}

/** The names of the values that are blanked in a stored execution. */
export function redactedNames(execution: Execution): ReadonlySet<string> {
  const entries = Object.entries(execution.spec?.runtimeEnv ?? {});
  return new Set(entries.filter(([, { value }]) => value === REDACTED).map(([name]) => name));
}

/** SHA-256 of what a caller asks for: the same for the same request, however its maps are ordered on the wire. */
export function digestOf<E extends Execution>(kind: Kind<E>, request: E): Buffer {
  const asked = clone(kind.schema, request);
  // The server's own: no part of what is asked for.
  delete asked.status;
  delete asked.metadata?.version;
  return createHash('sha256')
    .update(canonical(jsonOf(kind, asked)))
    .digest();
}

/** Some numbers that protobuf can carry are no JSON: such a request could not be told from others, nor run. */
function jsonOf<E extends Execution>(kind: Kind<E>, request: E): JsonValue {
  try {
    return toJson(kind.schema, request);
  } catch {
    // protobuf's message quotes the offending value.
    throw invalidArguments([{ field: 'spec', description: 'holds what JSON cannot say, such as NaN' }]);
  }
}

function canonical(json: JsonValue): string {
  return JSON.stringify(json, (_key, value: JsonValue) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function mapValues<T>(
  map: Readonly<Record<string, T>>,
  change: (value: T, name: string) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value, name)]));
}
