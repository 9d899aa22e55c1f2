import {
  checkVariables,
  invalidArguments,
  LIMITS,
  type Merged,
  type MergedValue,
  REDACTED,
} from '@stigmer/domain';
import type { OpenedEnvironment } from '@stigmer/proto/internal/v1/environment_vault';

type Sizes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * Throws INVALID_ARGUMENT where merged variables exceed the limits of a context.
 *
 * Before a run nothing is decrypted, so the secrets of environments count by the lengths that the environment-service
 * tells. What is given for the run alone is not known then, neither secret nor plain: the control-plane withholds it,
 * for no value may come where it is not needed. It counts nothing, so `explain` has a lower bound, which refuses no
 * run that fits; `prepare`, with every value at hand, has the last word.
 */
export function checkContextSize({ values }: Merged, environments: readonly OpenedEnvironment[]): void {
  const texts = [...values].map(([name, { text }]) => [name, text === REDACTED ? '' : text] as const);
  checkVariables(texts, 'context', 'variables');
  const sizes = secretSizes(environments);
  const bytes = [...values].reduce((sum, [name, value]) => sum + bytesOf(name, value, sizes), 0);
  if (bytes <= LIMITS.contextBytes) return;
  const description = `at most ${LIMITS.contextBytes} bytes of names and values, these are at least ${bytes}`;
  throw invalidArguments([{ field: 'variables', description }]);
}

// Maps, because a variable may be called `constructor`.
function secretSizes(environments: readonly OpenedEnvironment[]): Sizes {
  return new Map(environments.map(({ id, secretBytes }) => [id, new Map(Object.entries(secretBytes))]));
}

function bytesOf(name: string, { origin, text }: MergedValue, sizes: Sizes): number {
  const told = origin.kind === 'environment' ? sizes.get(origin.id)?.get(name) : undefined;
  return Buffer.byteLength(name) + (told ?? (text === REDACTED ? 0 : Buffer.byteLength(text)));
}
