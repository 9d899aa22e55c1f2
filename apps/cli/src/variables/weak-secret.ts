import { isWeakSecret, REDACTED } from '@stigmer/domain';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import type { Context } from '../context';
import { printable } from '../io';
import { warn } from '../output/print';
import type { Resource } from '../resources/kinds';

/** Tells the user that a secret cannot be hidden wherever it appears; `subject` names it, never its value. */
export function warnOfWeakSecret(context: Context, subject: string): void {
  warn(
    context,
    `${printable(subject)} is a weak secret: where it is short or a common word it can be masked only in part, or ` +
      'not at all',
  );
}

/** The names of a resource's weak secrets, as far as it holds values. One that is kept, or empty, hides nothing new. */
export function weakSecretsOf(resource: Resource): readonly string[] {
  switch (resource.$typeName) {
    case 'ai.stigmer.agentic.environment.v1.Environment':
    case 'ai.stigmer.agentic.executioncontext.v1.ExecutionContext':
      return weakNames((resource as Environment | ExecutionContext).spec?.data ?? {});
    default:
      return [];
  }
}

function weakNames(
  data: Readonly<Record<string, { readonly value: string; readonly isSecret: boolean }>>,
): readonly string[] {
  return Object.entries(data)
    .filter(
      ([, { value, isSecret }]) => isSecret && value !== '' && value !== REDACTED && isWeakSecret(value),
    )
    .map(([name]) => name);
}
