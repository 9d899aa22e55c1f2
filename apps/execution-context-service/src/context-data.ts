import { checkVariables, invalidArgument, quoteName, REDACTED } from '@stigmer/domain';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';

/** Refuses what a context may not hold: illegal names, what is beyond the limits, and redacted values. */
export function checkData(data: Readonly<Record<string, ExecutionValue>>, field: string): void {
  // A wire map is decoded into a plain object, where a key `__proto__` vanishes into the prototype.
  if (Object.getPrototypeOf(data) !== Object.prototype) {
    throw invalidArgument(`${field}: __proto__ cannot be the name of a variable`);
  }
  const entries = Object.entries(data);
  checkVariables(
    entries.map(([name, { value }]) => [name, value] as const),
    'context',
    field,
  );
  const redacted = entries.filter(([, { value }]) => value === REDACTED);
  if (redacted.length === 0) return;
  const violations = redacted.map(([name]) => ({
    field: `${field}[${quoteName(name)}]`,
    description: `${REDACTED} is how a secret is shown, not a value`,
  }));
  throw invalidArgument(violations.map((v) => `${v.field}: ${v.description}`).join('; '), violations);
}
