import { REDACTED } from '@stigmer/domain';
import {
  Layer,
  Severity,
  type Diagnostic,
  type Explanation,
  type Origin,
} from '@stigmer/proto/agentic/resolver/v1/io';
import { createColors } from 'picocolors';
import { printable } from '../io';
import { table } from '../output/table';
import { shortened } from '../runs/shortened';

/** The merged variables with their origins, then everything that is wrong or doubtful. */
export function renderExplanation({ variables, diagnostics }: Explanation, colour: boolean): string {
  const names = Object.keys(variables).sort();
  const rows = names.flatMap((name) => {
    const variable = variables[name];
    if (!variable) return [];
    // The server redacts; a secret that came unredacted would be its fault, and must not become ours.
    const value = variable.isSecret ? REDACTED : shortened(variable.value);
    return [[name, value, layerName(variable.origin), variable.shadowed.map(layerName).join(', ')]];
  });
  const merged = rows.length === 0 ? 'no variables' : table(['VARIABLE', 'VALUE', 'FROM', 'SHADOWS'], rows);
  const findings = diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, colour));
  return findings.length === 0 ? merged : `${merged}\n\n${findings.join('\n')}`;
}

function layerName(origin: Origin | undefined): string {
  switch (origin?.layer) {
    case Layer.TEMPLATE:
      return 'template';
    case Layer.ENVIRONMENT:
      return `environment ${origin.environmentSlug || origin.environmentId}`;
    case Layer.RUNTIME:
      return 'this command';
    case Layer.UNSPECIFIED:
    case undefined:
      return 'unknown';
  }
}

function renderDiagnostic({ severity, server, field, message, hint }: Diagnostic, colour: boolean): string {
  const { red, yellow } = createColors(colour);
  const label = severity === Severity.ERROR ? red('error') : yellow('warning');
  const place = [server, field].filter((part) => part !== '').join(' ');
  const line = `${label}: ${printable(place === '' ? message : `${place}: ${message}`)}`;
  return hint === '' ? line : `${line}\n  ${printable(hint)}`;
}
