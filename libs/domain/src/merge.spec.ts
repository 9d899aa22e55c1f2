import fc from 'fast-check';
import { DomainError } from './errors';
import type { Layer, LayerEntry, LayerSource } from './layers';
import { merge } from './merge';
import { goldenCases, thrownBy } from './testing/golden';

/** The moment of every merge here. */
const NOW = Date.parse('2026-06-01T12:00:00Z');
const DAY = 86_400_000;

interface LayerFile {
  readonly source: LayerSource;
  readonly entries: Record<string, LayerEntryFile>;
}

/** A time is written as people write one. */
type LayerEntryFile = Omit<LayerEntry, 'expiresAt'> & { readonly expiresAt?: string };

describe('golden cases', () => {
  goldenCases('merge', 'layers.json', (text) => {
    const layers = (JSON.parse(text) as LayerFile[]).map(({ source, entries }) =>
      layer(source, Object.entries(entries).map(fromFile)),
    );
    const error = thrownBy(() => merge(layers, NOW));
    if (error instanceof DomainError) return { kind: error.kind, message: error.message };
    const { values, absent, diagnostics } = merge(layers, NOW);
    return { values: Object.fromEntries(values), absent: Object.fromEntries(absent), diagnostics };
  });
});

test('the refusal of a secret in a template does not hold the secret', () => {
  const template = layer({ kind: 'template', name: 't' }, [
    ['TOKEN', { text: 'canary-value', secret: true }],
  ]);
  const error = thrownBy(() => merge([template], NOW)) as DomainError;
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
    final: fc.boolean(),
    expiresAt: fc.option(
      fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 7 * DAY, NOW + 7 * DAY + 1, NOW + 400 * DAY),
      { nil: undefined },
    ),
  });
  const source = fc.constantFrom<LayerSource>(
    { kind: 'environment', id: 'env-1', slug: 'one', revision: '1' },
    { kind: 'environment', id: 'env-1', slug: 'one', revision: '1', via: ['two'] },
    { kind: 'environment', id: 'env-1', slug: 'one', revision: '2' },
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
        const { values } = merge(given, NOW);
        for (const [key, value] of values) {
          const giving = giversOf(given, key);
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
        const { values, absent, diagnostics } = merge(given, NOW);
        const declared = new Set(given.flatMap(({ entries }) => [...entries.keys()]));
        expect([...values.keys(), ...absent.keys()].sort()).toEqual([...declared].sort());
        const required = [...absent].filter(([, need]) => need === 'required').map(([key]) => key);
        const missing = diagnostics.filter(({ code }) => code === 'missing-variable');
        expect(missing.map(({ variable }) => variable)).toEqual(required);
      }),
    );
  });

  test('a value after a final one is an error for each layer that gives it, but for the same version of an environment again', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const { values, diagnostics } = merge(given, NOW);
        for (const [key, value] of values) {
          const giving = giversOf(given, key);
          const at = giving.findIndex(({ entries }) => entries.get(key)?.final === true);
          const first = giving[at]?.source;
          const overriding =
            at === -1 ? [] : giving.slice(at + 1).filter(({ source }) => !isOne(first, source));
          const found = diagnostics.filter(
            ({ code, variable }) => code === 'final-overridden' && variable === key,
          );
          expect(found).toHaveLength(overriding.length);
          expect(value.final === true).toBe(at !== -1);
        }
      }),
    );
  });

  test('only the expiry of the value that wins counts: past is an error, within seven days a warning', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const { values, diagnostics } = merge(given, NOW);
        const told = new Map(
          diagnostics
            .filter(({ code }) => code.endsWith('-variable') && code.startsWith('expir'))
            .map(({ variable, severity }) => [variable, severity]),
        );
        for (const [key, { expiresAt }] of values) {
          expect(expiresAt).toBe(giversOf(given, key).at(-1)?.entries.get(key)?.expiresAt);
          const expected = expiresAt === undefined || expiresAt > NOW + 7 * DAY ? undefined : 'warning';
          expect(told.get(key)).toBe(expiresAt !== undefined && expiresAt <= NOW ? 'error' : expected);
        }
        expect([...told.keys()].every((key) => key !== undefined && values.has(key))).toBe(true);
      }),
    );
  });

  test('what is wrong with a run never shows a value', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const secret = given.map(({ source, entries }) =>
          layer(
            source,
            [...entries].map(([key, entry]) => [
              key,
              entry.text === '' ? entry : { ...entry, text: 'canary' },
            ]),
          ),
        );
        const plainTemplate = secret.map((one) =>
          one.source.kind === 'template'
            ? layer(
                one.source,
                [...one.entries].map(([key, entry]) => [key, { ...entry, secret: false }]),
              )
            : one,
        );
        expect(JSON.stringify(merge(plainTemplate, NOW).diagnostics)).not.toContain('canary');
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

/** The layers that give a value, the lowest first: a template's declaration is none. */
function giversOf(layers: readonly Layer[], key: string): readonly Layer[] {
  return layers.filter(({ source, entries }) => {
    const text = entries.get(key)?.text;
    return text !== undefined && !(source.kind === 'template' && text === '');
  });
}

function isOne(a: LayerSource | undefined, b: LayerSource): boolean {
  if (a?.kind !== 'environment' || b.kind !== 'environment') return false;
  return a.id === b.id && a.revision === b.revision;
}

function fromFile([name, { expiresAt, ...entry }]: readonly [string, LayerEntryFile]): readonly [
  string,
  LayerEntry,
] {
  return [name, expiresAt === undefined ? entry : { ...entry, expiresAt: Date.parse(expiresAt) }];
}

function layer(source: LayerSource, entries: readonly (readonly [string, LayerEntry])[]): Layer {
  return { source, entries: new Map(entries) };
}

function plain(layers: readonly Layer[]): unknown {
  const { values, absent, diagnostics } = merge(layers, NOW);
  return [[...values], [...absent], diagnostics];
}
