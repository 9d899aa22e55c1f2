import { create } from '@bufbuild/protobuf';
import {
  type Diagnostic,
  type Origin,
  OriginSchema,
  type ResolvedVariable,
  type VariableProvenance,
  VariableProvenanceSchema,
} from '@stigmer/proto/agentic/resolver/v1/io';
import type { EnvironmentUse } from './execution-row';

/** What the provenance of a run may take in its status, beside what its runner reports. */
export const PROVENANCE_BYTES = 2 * 1024 * 1024;
/** So many warnings are kept: nobody reads more, and one for each variable would have no room. */
const MOST_WARNINGS = 100;
/** What an entry takes beside its texts, at most: tags and lengths. */
const OVERHEAD = 24;

type Variables = Readonly<Record<string, ResolvedVariable>>;
type Provenance = Record<string, VariableProvenance>;

/**
 * Where each variable of a run came from, never its value. All keys are in it: where there are so many that it would
 * have no room, first the layers that lost are left out, then the ways of imports, then the slugs.
 */
export function provenanceOf(variables: Variables): Provenance {
  const reductions = [whole, withoutShadowed, withoutVia, withoutSlugs];
  let provenance: Provenance = {};
  for (const reduce of reductions) {
    provenance = mapValues(variables, reduce);
    if (bytesOf(provenance) <= PROVENANCE_BYTES) break;
  }
  return provenance;
}

/** What stays of the warnings of a run. */
export function keptWarnings(warnings: readonly Diagnostic[]): Diagnostic[] {
  return warnings.slice(0, MOST_WARNINGS);
}

/** Which environments a run was given values of: for each, the revision and the names of the variables. */
export function usesOf(variables: Variables): readonly EnvironmentUse[] {
  const uses = new Map<string, { environment: string; revision: string; keys: string[] }>();
  for (const [name, { origin }] of Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (origin === undefined || origin.environmentId === '') continue;
    const { environmentId: environment, revision } = origin;
    const key = `${environment} ${revision}`;
    const use = uses.get(key) ?? { environment, revision, keys: [] };
    use.keys.push(name);
    uses.set(key, use);
  }
  return [...uses.values()];
}

function whole({ isSecret, origin, shadowed }: ResolvedVariable): VariableProvenance {
  return create(VariableProvenanceSchema, { isSecret, origin, shadowed });
}

function withoutShadowed({ isSecret, origin }: ResolvedVariable): VariableProvenance {
  return create(VariableProvenanceSchema, { isSecret, origin });
}

function withoutVia({ isSecret, origin }: ResolvedVariable): VariableProvenance {
  return create(VariableProvenanceSchema, { isSecret, origin: changed(origin, { via: [] }) });
}

function withoutSlugs({ isSecret, origin }: ResolvedVariable): VariableProvenance {
  const bare = changed(origin, { via: [], environmentSlug: '' });
  return create(VariableProvenanceSchema, { isSecret, origin: bare });
}

function changed(
  origin: Origin | undefined,
  change: Partial<Pick<Origin, 'via' | 'environmentSlug'>>,
): Origin | undefined {
  return origin === undefined ? undefined : create(OriginSchema, { ...origin, ...change });
}

/** Never less than it takes: names, ids and slugs are ASCII. */
function bytesOf(provenance: Readonly<Provenance>): number {
  return Object.entries(provenance).reduce(
    (sum, [name, { origin, shadowed }]) =>
      sum +
      OVERHEAD +
      name.length +
      (origin === undefined ? 0 : originBytes(origin)) +
      shadowed.reduce((total, one) => total + originBytes(one), 0),
    0,
  );
}

function originBytes({ environmentId, environmentSlug, revision, via }: Origin): number {
  const texts = [environmentId, environmentSlug, revision, ...via];
  return texts.reduce((sum, text) => sum + text.length + 2, OVERHEAD);
}

function mapValues(
  variables: Variables,
  change: (variable: ResolvedVariable) => VariableProvenance,
): Provenance {
  return Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, change(variable)]));
}
