import { REDACTED } from '@stigmer/domain';
import {
  Severity,
  type Diagnostic,
  type Explanation,
  type Origin,
  type ResolvedVariable,
} from '@stigmer/proto/agentic/resolver/v1/io';
import { createColors } from 'picocolors';
import { printable } from '../io';
import { table } from '../output/table';
import { shortened } from '../runs/shortened';
import { timeOf } from '../time';
import { layerName } from './layer-name';

/** The merged variables with their origins, then everything that is wrong or doubtful. */
export function renderExplanation({ variables, diagnostics }: Explanation, colour: boolean): string {
  const named = Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1));
  const rare = RARE.filter(({ cell }) => named.some(([, variable]) => cell(variable) !== ''));
  const rows = named.map(([name, variable]) => [
    name,
    // The server redacts; a secret that came unredacted would be its fault, and must not become ours.
    variable.isSecret ? REDACTED : shortened(variable.value),
    nameOf(variable.origin),
    ...rare.map(({ cell }) => cell(variable)),
    variable.shadowed.map(nameOf).join(', '),
  ]);
  const headings = ['VARIABLE', 'VALUE', 'FROM', ...rare.map(({ heading }) => heading), 'SHADOWS'];
  const merged = rows.length === 0 ? 'no variables' : table(headings, rows);
  const findings = diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, colour));
  return findings.length === 0 ? merged : `${merged}\n\n${findings.join('\n')}`;
}

/** Most variables are neither: these columns are there only where there is something in them. */
const RARE: readonly {
  readonly heading: string;
  readonly cell: (variable: ResolvedVariable) => string;
}[] = [
  { heading: 'FINAL', cell: ({ final }) => (final ? 'yes' : '') },
  { heading: 'EXPIRES', cell: ({ expiresAt }) => timeOf(expiresAt) },
];

function nameOf(origin: Origin | undefined): string {
  return layerName(origin, 'this command');
}

function renderDiagnostic({ severity, server, field, message, hint }: Diagnostic, colour: boolean): string {
  const { red, yellow } = createColors(colour);
  const label = severity === Severity.ERROR ? red('error') : yellow('warning');
  const place = [server, field].filter((part) => part !== '').join(' ');
  const line = `${label}: ${printable(place === '' ? message : `${place}: ${message}`)}`;
  return hint === '' ? line : `${line}\n  ${printable(hint)}`;
}
