import { create, toBinary } from '@bufbuild/protobuf';
import { ExplanationSchema, Layer } from '@stigmer/proto/agentic/resolver/v1/io';
import { WorkflowExecutionStatusSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { keptWarnings, PROVENANCE_BYTES, provenanceOf, usesOf } from './provenance';

const BASE = {
  ...{ layer: Layer.ENVIRONMENT, environmentId: 'env-1', environmentSlug: 'base', revision: 'ver-1' },
  via: ['production'],
};
const TEMPLATE = { layer: Layer.TEMPLATE };

type Init = NonNullable<Parameters<typeof create<typeof ExplanationSchema>>[1]>['variables'];
const variablesOf = (variables: Init) => create(ExplanationSchema, { variables }).variables;

/** As many variables as a context holds, with names of the given length, each of them taken from ten layers. */
function many(nameLength: number, slugLength: number) {
  const origin = {
    ...BASE,
    environmentSlug: 'e'.repeat(slugLength),
    via: Array<string>(9).fill('v'.repeat(slugLength)),
  };
  const names = Array.from({ length: 5_000 }, (_, i) => `K${i}`.padEnd(nameLength, '_'));
  const shadowed = Array<typeof origin>(10).fill(origin);
  return variablesOf(Object.fromEntries(names.map((name) => [name, { value: 'x', origin, shadowed }])));
}

describe('the provenance of a run', () => {
  it('holds where each value came from, and no value', () => {
    const variables = variablesOf({
      TOKEN: { value: 'canary', isSecret: true, origin: BASE, shadowed: [TEMPLATE], description: 'canary' },
    });
    const { TOKEN } = provenanceOf(variables);
    expect(TOKEN).toMatchObject({ isSecret: true, origin: BASE, shadowed: [TEMPLATE] });
    expect(JSON.stringify(provenanceOf(variables))).not.toContain('canary');
  });

  it.each([
    ['the layers that lost', 20, 10],
    ['the ways of imports too', 100, 60],
    ['the slugs too', 256, 253],
  ])('has room for every variable: without %s where there are that many', (_what, nameLength, slugLength) => {
    const provenance = provenanceOf(many(nameLength, slugLength));
    expect(Object.keys(provenance)).toHaveLength(5_000);
    expect(Object.values(provenance).every(({ origin }) => origin?.environmentId === 'env-1')).toBe(true);
    expect(Object.values(provenance).every(({ origin }) => origin?.revision === 'ver-1')).toBe(true);
    const status = create(WorkflowExecutionStatusSchema, { provenance });
    expect(toBinary(WorkflowExecutionStatusSchema, status).byteLength).toBeLessThanOrEqual(PROVENANCE_BYTES);
  });
});

it('of thousands of warnings a run keeps the first hundred', () => {
  const diagnostics = Array.from({ length: 5_000 }, (_, i) => ({ variable: `K${i}` }));
  const kept = keptWarnings(create(ExplanationSchema, { diagnostics }).diagnostics);
  expect(kept).toHaveLength(100);
  expect(kept[0]?.variable).toBe('K0');
});

describe('what a run uses', () => {
  it('is named by environment and revision, with the variables that won, in their order', () => {
    const other = { ...BASE, revision: 'ver-2' };
    const variables = variablesOf({
      B: { origin: BASE },
      A: { origin: BASE },
      C: { origin: other },
      OWN: { origin: { layer: Layer.RUNTIME }, shadowed: [BASE] },
      DEFAULT: { origin: TEMPLATE },
    });
    expect(usesOf(variables)).toEqual([
      { environment: 'env-1', revision: 'ver-1', keys: ['A', 'B'] },
      { environment: 'env-1', revision: 'ver-2', keys: ['C'] },
    ]);
  });
});
