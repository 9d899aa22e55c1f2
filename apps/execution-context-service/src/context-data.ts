import { create } from '@bufbuild/protobuf';
import {
  checkVariables,
  invalidArguments,
  isRedacted,
  quoteName,
  REDACTED,
  type Violation,
} from '@stigmer/domain';
import { type ExecutionValue, ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';

/** The variables of a context, as the wire has them. */
export type ContextData = Record<string, ExecutionValue>;

/** Refuses what no context may hold: illegal names, and more or longer values than the limits allow. */
export function checkData(data: ContextData, field: string): void {
  // A wire map is decoded into a plain object, where a key `__proto__` vanishes into the prototype.
  if (Object.getPrototypeOf(data) !== Object.prototype) {
    throw invalidArguments([{ field, description: '__proto__ cannot be the name of a variable' }]);
  }
  checkVariables(
    Object.entries(data).map(([name, { value }]) => [name, value] as const),
    'context',
    field,
  );
}

/** What everyone but the runner reads. */
export function redactedData(data: ContextData): ContextData {
  return mapData(data, (value) =>
    value.isSecret ? create(ExecutionValueSchema, { value: REDACTED, isSecret: true }) : value,
  );
}

/**
 * Puts the stored secrets where a write says `********`, so that read, edit, write destroys none. Where there is
 * no such secret, or the write would make it readable, it is refused.
 */
export function keepRedacted(wanted: ContextData, stored: ContextData, field: string): ContextData {
  const held = new Map(Object.entries(stored).filter(([, { isSecret }]) => isSecret));
  const violations = Object.entries(wanted).flatMap(([name, value]) =>
    misuseOfMarker(value, held.has(name)).map((description): Violation => ({
      field: `${field}[${quoteName(name)}]`,
      description,
    })),
  );
  if (violations.length > 0) throw invalidArguments(violations);
  return mapData(wanted, (value, name) => (isRedacted(value.value) ? (held.get(name) ?? value) : value));
}

function misuseOfMarker({ value, isSecret }: ExecutionValue, held: boolean): readonly string[] {
  if (!isRedacted(value)) return [];
  if (!isSecret) return [`${REDACTED} stands for a stored secret and cannot be given with is_secret: false`];
  return held ? [] : [`${REDACTED} keeps a stored secret, and there is none of this name: give its value`];
}

function mapData(
  data: ContextData,
  change: (value: ExecutionValue, name: string) => ExecutionValue,
): ContextData {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, change(value, name)]));
}
