import fc from 'fast-check';
import { DomainError } from './errors';
import { type Layer, type LayerEntry, type LayerSource, merge } from './merge';
import { goldenCases, thrownBy } from './testing/golden';

interface LayerFile {
  readonly source: LayerSource;
  readonly entries: Record<string, LayerEntry>;
}

describe('golden cases', () => {
  goldenCases('merge', 'layers.json', (text) => {
    const layers = (JSON.parse(text) as LayerFile[]).map(({ source, entries }) =>
      layer(source, Object.entries(entries)),
    );
    const error = thrownBy(() => merge(layers));
    if (error instanceof DomainError) return { kind: error.kind, message: error.message };
    const { values, absent, diagnostics } = merge(layers);
    return { values: Object.fromEntries(values), absent: Object.fromEntries(absent), diagnostics };
  });
});

test('the refusal of a secret in a template does not hold the secret', () => {
  const template = layer({ kind: 'template', name: 't' }, [
    ['TOKEN', { text: 'canary-value', secret: true }],
  ]);
  const error = thrownBy(() => merge([template])) as DomainError;
  expect(error.kind).toBe('invalid-argument');
  expect(error.violations.map(({ field }) => field)).toEqual(['TOKEN']);
  expect(JSON.stringify([error.message, error.violations])).not.toContain('canary-value');
});

describe('for any layers', () => {
  const name = fc.constantFrom('A', 'B', 'C', 'constructor', 'toString', 'hasOwnProperty', '_1');
  const entry = fc.record({
    text: fc.constantFrom('', 'x', 'y'),
    secret: fc.boolean(),
    optional: fc.boolean(),
  });
  const source = fc.constantFrom<LayerSource>(
    { kind: 'environment', id: 'env-1', slug: 'one', revision: '1' },
    { kind: 'environment', id: 'env-2', slug: 'two', revision: '7' },
    { kind: 'runtime' },
  );
  const entries = fc.uniqueArray(fc.tuple(name, entry), { selector: ([key]) => key });
  const upper = fc.record({ source, entries }).map((given) => layer(given.source, given.entries));
  const template = entries.map((list) =>
    layer(
      { kind: 'template', name: 't' },
      list.map(([key, value]) => [key, { ...value, text: value.secret ? '' : value.text }]),
    ),
  );
  const layers = fc
    .tuple(template, fc.array(upper, { maxLength: 4 }))
    .map(([first, rest]) => [first, ...rest]);

  test('the last layer that gives a value wins, and a key that any layer marks secret is secret', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const { values } = merge(given);
        for (const [key, value] of values) {
          const giving = given.filter(({ source, entries }) => {
            const text = entries.get(key)?.text;
            return text !== undefined && !(source.kind === 'template' && text === '');
          });
          expect(value.text).toBe(giving.at(-1)?.entries.get(key)?.text);
          expect([value.origin, ...value.shadowed]).toEqual(giving.map(({ source }) => source).reverse());
          expect(value.secret).toBe(given.some(({ entries }) => entries.get(key)?.secret === true));
        }
      }),
    );
  });

  test('every declared key is a value or absent, and exactly the required absent ones are reported', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const { values, absent, diagnostics } = merge(given);
        const declared = new Set(given.flatMap(({ entries }) => [...entries.keys()]));
        expect([...values.keys(), ...absent.keys()].sort()).toEqual([...declared].sort());
        const required = [...absent].filter(([, need]) => need === 'required').map(([key]) => key);
        expect(diagnostics.map(({ variable }) => variable)).toEqual(required);
      }),
    );
  });

  test('the order of a layer’s map does not matter, not even to the order of the result', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const reversed = given.map(({ source, entries }) => layer(source, [...entries].reverse()));
        expect(JSON.stringify(plain(reversed))).toBe(JSON.stringify(plain(given)));
      }),
    );
  });
});

function layer(source: LayerSource, entries: readonly (readonly [string, LayerEntry])[]): Layer {
  return { source, entries: new Map(entries) };
}

function plain(layers: readonly Layer[]): unknown {
  const { values, absent, diagnostics } = merge(layers);
  return [[...values], [...absent], diagnostics];
}
