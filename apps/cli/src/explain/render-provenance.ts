import type { VariableProvenance } from '@stigmer/proto/agentic/resolver/v1/io';
import { table } from '../output/table';
import { layerName } from './layer-name';

const HEADINGS = ['VARIABLE', 'SECRET', 'FROM', 'REVISION', 'SHADOWS'];

/** Where each variable of a run came from. Its values are gone with the run. */
export function renderProvenance(provenance: Readonly<Record<string, VariableProvenance>>): string {
  const rows = Object.entries(provenance)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { isSecret, origin, shadowed }]) => [
      name,
      isSecret ? 'yes' : '',
      nameOf(origin),
      origin?.revision ?? '',
      shadowed.map(nameOf).join(', '),
    ]);
  return table(HEADINGS, rows);
}

function nameOf(origin: VariableProvenance['origin']): string {
  return layerName(origin, 'the run');
}
