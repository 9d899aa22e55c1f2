import type { ExpressionPart } from '@stigmer/domain';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';

const KEPT = 'what it gives is kept in the run’s history';

/** A secret that a text names. */
export interface SecretUse {
  readonly name: string;
  /** The literal text before its expression; undefined where another expression comes first. */
  readonly prefix: string | undefined;
}

/** The secrets that a text names, each with what is known of the text before it. */
export function secretUses(parts: readonly ExpressionPart[]): readonly SecretUse[] {
  return parts.flatMap((part, index) => {
    if (part.kind === 'literal') return [];
    const before = parts.slice(0, index);
    const prefix = before.every(({ kind }) => kind === 'literal') ? literalOf(before) : undefined;
    return part.secrets.map((name) => ({ name, prefix }));
  });
}

function literalOf(parts: readonly ExpressionPart[]): string {
  return parts.map((part) => (part.kind === 'literal' ? part.text : '')).join('');
}

/**
 * Why a secret may not be used at a place of a task, or undefined where it may: only where a value leaves the runner
 * and nothing of it stays behind. The runner refuses the same once more, for what a text does not show.
 */
export function secretRefusal(
  kind: WorkflowTaskKind,
  path: string,
  prefix: string | undefined,
): string | undefined {
  if (path === 'export.as') return KEPT;
  switch (kind) {
    case WorkflowTaskKind.HTTP_CALL:
      if (/^(headers|body)\b/.test(path)) return undefined;
      return path === 'endpoint.uri'
        ? uriRefusal(prefix)
        : 'only the URI, the headers and the body may hold one';
    case WorkflowTaskKind.CALL_ACTIVITY:
      return /^input\.arguments\b/.test(path) ? undefined : 'only the arguments may hold one';
    case WorkflowTaskKind.SWITCH:
      // Which case was taken is all that remains of it.
      return /^cases\[\d+\]\.when$/.test(path) ? undefined : KEPT;
    case WorkflowTaskKind.SET:
    case WorkflowTaskKind.RAISE:
    case WorkflowTaskKind.WAIT:
    case WorkflowTaskKind.GRPC_CALL:
    case WorkflowTaskKind.FOR:
    case WorkflowTaskKind.FORK:
    case WorkflowTaskKind.TRY:
    case WorkflowTaskKind.LISTEN:
    case WorkflowTaskKind.RUN:
    case WorkflowTaskKind.AGENT_CALL:
    case WorkflowTaskKind.UNSPECIFIED:
      return KEPT;
  }
}

/** A secret that decided which host is asked would be in every resolver's and proxy's log. */
function uriRefusal(prefix: string | undefined): string | undefined {
  const afterHost = prefix === undefined || /^https?:\/\/[^/?#\s]+[/?#]/i.test(prefix);
  return afterHost ? undefined : 'it can be in the path or the query of a URI, never in its scheme or host';
}
