import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Diagnostic, type LayerSource, type MergedValue, REDACTED } from '@stigmer/domain';
import {
  type DiagnosticSchema,
  Layer,
  type OriginSchema,
  type ResolvedEnvironmentSchema,
  type ResolvedVariableSchema,
  Severity,
} from '@stigmer/proto/agentic/resolver/v1/io';
import type { OpenedEnvironment } from '@stigmer/proto/internal/v1/environment_vault';

/** The merged variables as callers may see them: where each comes from, and no secret's value. */
export function describeVariables(
  values: ReadonlyMap<string, MergedValue>,
): Readonly<Record<string, MessageInitShape<typeof ResolvedVariableSchema>>> {
  return Object.fromEntries([...values].map(([name, value]) => [name, describeVariable(value)]));
}

function describeVariable({ text, secret, origin, shadowed, description }: MergedValue) {
  return {
    value: secret ? REDACTED : text,
    isSecret: secret,
    origin: describeOrigin(origin),
    shadowed: shadowed.map(describeOrigin),
    description: description ?? '',
  };
}

function describeOrigin(source: LayerSource): MessageInitShape<typeof OriginSchema> {
  switch (source.kind) {
    case 'template':
      return { layer: Layer.TEMPLATE };
    case 'environment':
      return {
        layer: Layer.ENVIRONMENT,
        environmentId: source.id,
        environmentSlug: source.slug,
        revision: source.revision,
      };
    case 'runtime':
      return { layer: Layer.RUNTIME };
  }
}

/** The environments that took part, at the revision that was read. */
export function describeEnvironments(
  environments: readonly OpenedEnvironment[],
): MessageInitShape<typeof ResolvedEnvironmentSchema>[] {
  return environments.map(({ id, slug, org, revision }) => ({ id, slug, org, revision }));
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
