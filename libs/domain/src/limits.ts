import { invalidArguments, type Violation } from './errors';
import { isVariableName, quoteName, VARIABLE_NAME_RULE } from './names';

export const LIMITS = {
  /** Bytes of UTF-8 in one value. */
  valueBytes: 64 * 1024,
  environmentVariables: 1_000,
  contextVariables: 5_000,
  /** Bytes of UTF-8 of all names and values of a context together. */
  contextBytes: 4 * 1024 * 1024,
  /** Bytes of one gRPC message. */
  messageBytes: 10 * 1024 * 1024,
} as const;

/**
 * Throws INVALID_ARGUMENT naming every illegal name, every oversized value and every limit that is exceeded.
 * `field` is the path of the map in the request, such as `spec.data`.
 */
export function checkVariables(
  variables: Iterable<readonly [name: string, value: string]>,
  scope: 'environment' | 'context',
  field: string,
): void {
  const violations: Violation[] = [];
  let count = 0;
  let bytes = 0;
  for (const [name, value] of variables) {
    const size = Buffer.byteLength(value);
    count += 1;
    bytes += size + Buffer.byteLength(name);
    const description = faultOf(name, size);
    if (description !== undefined) violations.push({ field: `${field}[${quoteName(name)}]`, description });
  }
  violations.push(...exceeded(scope, count, bytes).map((description) => ({ field, description })));
  if (violations.length > 0) throw invalidArguments(violations);
}

function faultOf(name: string, size: number): string | undefined {
  if (!isVariableName(name)) return VARIABLE_NAME_RULE;
  if (size > LIMITS.valueBytes) return `a value has at most ${LIMITS.valueBytes} bytes, this one has ${size}`;
  return undefined;
}

function exceeded(scope: 'environment' | 'context', count: number, bytes: number): string[] {
  const most = scope === 'environment' ? LIMITS.environmentVariables : LIMITS.contextVariables;
  const faults: string[] = [];
  if (count > most) faults.push(`at most ${most} variables, these are ${count}`);
  if (scope === 'context' && bytes > LIMITS.contextBytes) {
    faults.push(`at most ${LIMITS.contextBytes} bytes of names and values, these are ${bytes}`);
  }
  return faults;
}
