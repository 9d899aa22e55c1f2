import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Diagnostic } from '@stigmer/domain';
import {
  type DiagnosticSchema,
  type ResolvedEnvironmentSchema,
  Severity,
} from '@stigmer/proto/agentic/resolver/v1/io';
import type { OpenedLayer } from './opened';

/** The environments that took part, at the revision that was read. */
export function describeEnvironments(
  layers: readonly OpenedLayer[],
): MessageInitShape<typeof ResolvedEnvironmentSchema>[] {
  return layers.map(({ source: { id, slug, revision, via = [] }, org }) => ({
    ...{ id, slug, org, revision },
    via: [...via],
  }));
}

/** A diagnostic on the wire. */
export function describeDiagnostic(diagnostic: Diagnostic): MessageInitShape<typeof DiagnosticSchema> {
  const { code, severity, server, field, variable, message, hint } = diagnostic;
  return {
    code,
    severity: severity === 'error' ? Severity.ERROR : Severity.WARNING,
    server,
    field,
    variable,
    message,
    hint,
  };
}
