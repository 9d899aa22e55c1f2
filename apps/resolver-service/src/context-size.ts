import {
  checkVariables,
  invalidArguments,
  LIMITS,
  type Merged,
  type MergedValue,
  REDACTED,
} from '@stigmer/domain';
import type { OpenedLayer } from './opened';

type Sizes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What one character takes at most, in bytes of UTF-8. */
const MOST_BYTES = 3;

/**
 * Throws INVALID_ARGUMENT where merged variables exceed the limits of a context.
 *
 * Before a run nothing is decrypted, so the secrets of environments count by the lengths that the environment-service
 * tells. What is given for the run alone is not known then, neither secret nor plain: the control-plane withholds it,
 * for no value may come where it is not needed. It counts nothing, so `explain` has a lower bound, which refuses no
 * run that fits; `prepare`, with every value at hand, has the last word.
 */
export function checkContextSize({ values }: Merged, environments: readonly OpenedLayer[]): void {
  if (isFarFromLimits(values, environments)) return;
  const texts = [...values].map(([name, { text }]) => [name, text === REDACTED ? '' : text] as const);
  checkVariables(texts, 'context', 'variables');
  const sizes: Sizes = new Map(environments.map(({ source, secretBytes }) => [source.id, secretBytes]));
  const bytes = [...values].reduce((sum, [name, value]) => sum + bytesOf(name, value, sizes), 0);
  if (bytes <= LIMITS.contextBytes) return;
  const description = `at most ${LIMITS.contextBytes} bytes of names and values, these are at least ${bytes}`;
  throw invalidArguments([{ field: 'variables', description }]);
}

/** Nearly every run is, and characters are counted in a moment. */
function isFarFromLimits(values: Merged['values'], environments: readonly OpenedLayer[]): boolean {
  if (values.size > LIMITS.contextVariables) return false;
  let most = 0;
  for (const [name, { text }] of values) {
    if (text.length * MOST_BYTES > LIMITS.valueBytes) return false;
    most += (name.length + text.length) * MOST_BYTES;
  }
  for (const { secretBytes } of environments) {
    for (const bytes of secretBytes.values()) most += bytes;
  }
  return most <= LIMITS.contextBytes;
}

function bytesOf(name: string, { origin, text }: MergedValue, sizes: Sizes): number {
  const told = origin.kind === 'environment' ? sizes.get(origin.id)?.get(name) : undefined;
  return Buffer.byteLength(name) + (told ?? (text === REDACTED ? 0 : Buffer.byteLength(text)));
}
