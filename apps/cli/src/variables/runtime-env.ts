import { create } from '@bufbuild/protobuf';
import { ExecutionValueSchema, type ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { Variable } from './merge';

/** The variables as the contract carries them. Their names are checked: none of them is `__proto__`. */
export function toRuntimeEnv(variables: ReadonlyMap<string, Variable>): Record<string, ExecutionValue> {
  const entries = [...variables].map(
    ([name, { value, secret }]) => [name, create(ExecutionValueSchema, { value, isSecret: secret })] as const,
  );
  return Object.fromEntries(entries);
}
