import { isRedacted } from '@stigmer/domain';
import type { EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';
import type { Change } from '../apply/diff';

/** What a write would do to one variable; never its value. */
export interface VariableChange {
  readonly name: string;
  readonly change: Change['change'] | 'unchanged';
  readonly is_secret: boolean;
}

/** What would become of each variable, in the order of their names. */
export function changesOf(stored: EnvironmentSpec, wanted: EnvironmentSpec): readonly VariableChange[] {
  const names = Object.keys({ ...stored.data, ...wanted.data }).sort();
  return names.map((name): VariableChange => {
    const before = stored.data[name];
    const after = wanted.data[name];
    if (after === undefined) return { name, change: 'removed', is_secret: before?.isSecret ?? false };
    const is_secret = after.isSecret;
    if (before === undefined) return { name, change: 'added', is_secret };
    if (before.isSecret !== is_secret) return { name, change: 'changed', is_secret };
    if (is_secret) return { name, change: isRedacted(after.value) ? 'unchanged' : 'secret', is_secret };
    return { name, change: before.value === after.value ? 'unchanged' : 'changed', is_secret };
  });
}

const MARKS = { added: '+', removed: '-', changed: '~', secret: '?' } as const;

export function renderChanges(changes: readonly VariableChange[]): string {
  const lines = changes.flatMap(({ name, change, is_secret }) => {
    if (change === 'unchanged') return [];
    const note = change === 'secret' ? ': only the server can compare it, when it is written' : '';
    return [`${MARKS[change]} ${name}${is_secret ? `  (secret${note})` : ''}`];
  });
  return lines.length === 0 ? 'nothing would change' : lines.join('\n');
}
