import fc from 'fast-check';
import { DomainError, IMPORT_LIMITS } from '@stigmer/domain';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { checkImports, flattenImports, followImports, type Importing, type ImportReference } from './imports';

const scope = ApiResourceOwnerScope.organization;

/** Environments by slug, from what each of them imports. */
function environments(graph: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, Importing> {
  return new Map(
    Object.entries(graph).map(([slug, imports]) => [
      slug,
      {
        _id: `id-${slug}`,
        org: 'acme',
        slug,
        imports: imports.map((name) => ({ scope, org: '', slug: name, version: '' })),
      },
    ]),
  );
}

function flatten(graph: Readonly<Record<string, readonly string[]>>, ...roots: readonly string[]) {
  const all = environments(graph);
  const { environments: found, problems } = flattenImports(
    roots.map((slug) => required(all.get(slug))),
    ({ slug }) => all.get(slug) ?? 'absent',
  );
  return {
    order: found.map(({ environment, via }) => [...via, environment.slug].join(' → ')),
    problems: problems.map(({ code, path }) => `${code}: ${path.join(' → ')}`),
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test refers to what it has not made');
  return value;
}

/** `n0` imports `n1` imports `n2` … */
function chain(length: number): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from({ length }, (_, i) => [`n${i}`, i + 1 < length ? [`n${i + 1}`] : []]));
}

describe('Imports', () => {
  it('come before the environment that imports them, each after its own imports, in their order', () => {
    expect(
      flatten({ app: ['base', 'eu'], base: ['common'], common: [], eu: [], last: [] }, 'app', 'last'),
    ).toEqual({
      order: ['app → base → common', 'app → base', 'app → eu', 'app', 'last'],
      problems: [],
    });
  });

  it('count wherever they are: what is reached twice is there twice', () => {
    expect(flatten({ app: ['a', 'b'], a: ['base'], b: ['base'], base: [] }, 'app').order).toEqual([
      'app → a → base',
      'app → a',
      'app → b → base',
      'app → b',
      'app',
    ]);
  });

  it('that go round are refused with the path, and so is an environment that imports itself', () => {
    expect(flatten({ a: ['b'], b: ['c'], c: ['b'] }, 'a').problems).toEqual(['import-cycle: a → b → c → b']);
    expect(flatten({ a: ['a'] }, 'a').problems).toEqual(['import-cycle: a → a']);
  });

  it('that lead nowhere are all reported, with the version they name', () => {
    const app: Importing = {
      ...{ _id: 'id-app', org: 'acme', slug: 'app' },
      imports: [
        { scope, org: '', slug: 'gone', version: 'v3' },
        { scope, org: 'other', slug: 'theirs', version: '' },
        { scope, org: 'acme', slug: 'gone', version: '' },
      ],
    };
    const { problems } = flattenImports([app], (reference) => (reference.org === 'other' ? app : 'absent'));
    expect(problems.map(({ path }) => path.join(' → '))).toEqual([
      'app → gone@v3',
      'app → theirs',
      'app → gone',
    ]);
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['missing-import']));
  });

  it(`may follow one another ${IMPORT_LIMITS.depth} times, and no more`, () => {
    expect(flatten(chain(IMPORT_LIMITS.depth + 1), 'n0').problems).toEqual([]);
    expect(flatten(chain(IMPORT_LIMITS.depth + 2), 'n0').problems).toEqual([
      expect.stringMatching(/^imports-too-deep: n0 → .* → n11$/),
    ]);
  });

  it(`may bring a run to ${IMPORT_LIMITS.environments} environments, and no more`, () => {
    const leaves = Array.from({ length: IMPORT_LIMITS.environments }, (_, i) => `leaf${i}`);
    const graph = (count: number) => ({
      ...Object.fromEntries(leaves.map((leaf) => [leaf, []])),
      app: leaves.slice(0, count),
    });
    expect(flatten(graph(IMPORT_LIMITS.environments - 1), 'app').problems).toEqual([]);
    expect(flatten(graph(IMPORT_LIMITS.environments), 'app').problems).toEqual(['too-many-imports: app']);
  });

  it('are asked for no more at a time than a run may open, however many are named', async () => {
    const pins = (of: string) =>
      Array.from({ length: 50 }, (_, i) => ({ scope, org: '', slug: 'base', version: `${of}-${i}` }));
    const all = environments({ app: Array.from({ length: 50 }, (_, i) => `team${i}`), base: [] });
    const asked: number[] = [];
    const { problems } = await followImports([required(all.get('app'))], (references) => {
      asked.push(references.length);
      const found = references.map(
        ({ slug }) => all.get(slug) ?? { _id: `id-${slug}`, org: 'acme', slug, imports: pins(slug) },
      );
      return Promise.resolve(found);
    });
    expect(Math.max(...asked)).toBeLessThanOrEqual(IMPORT_LIMITS.environments);
    expect(problems.map(({ code }) => code)).toEqual(['too-many-imports']);
  });

  it('end, whatever imports what: every path is opened, or refused, or beyond the bounds', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const anyGraph = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.array(fc.constantFrom(...names, 'gone'))])),
    );
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const { order, problems } = flatten(graph, 'a');
        expect(order.length).toBeLessThanOrEqual(IMPORT_LIMITS.environments);
        expect(problems.length).toBeLessThanOrEqual(20);
        // Nothing is opened twice on one path, and without a problem the environment itself comes last.
        for (const path of order) {
          const slugs = path.split(' → ');
          expect(new Set(slugs).size).toBe(slugs.length);
        }
        if (problems.length === 0) expect(order.at(-1)).toBe('a');
      }),
    );
  });

  it('are asked for level by level, each reference once', async () => {
    const all = environments({ app: ['a', 'b'], a: ['base'], b: ['base', 'other'], base: [], other: [] });
    const questions: string[][] = [];
    const { environments: found } = await followImports([required(all.get('app'))], (references) => {
      questions.push(references.map(({ slug }) => slug));
      return Promise.resolve(references.map(({ slug }) => all.get(slug)));
    });
    expect(questions).toEqual([
      ['a', 'b'],
      ['base', 'other'],
    ]);
    expect(found).toHaveLength(6);
  });
});

describe('The imports of an environment that is written', () => {
  const stored = environments({ a: ['b'], b: [], prod: [] });
  const find = (references: readonly ImportReference[]) =>
    Promise.resolve(references.map(({ slug }) => stored.get(slug)));
  const written = (slug: string, ...imports: readonly string[]) =>
    required(environments({ [slug]: imports }).get(slug));

  it('are taken where they lead somewhere, and there may be none', async () => {
    await checkImports(written('new', 'a', 'b'), find);
    await checkImports(written('new'), () => Promise.reject(new Error('nothing to look for')));
  });

  it.each([
    ['an import that is not there', written('new', 'gone'), 'Environment not found: gone'],
    [
      'an import of itself that it would close',
      written('b', 'a'),
      'the imports b → a → b go round in a circle',
    ],
    ['itself while it is being created', written('new', 'new'), 'the imports new → new go round in a circle'],
    ['itself by its prefixed slug', written('new', 'env-new'), 'the imports new → new go round in a circle'],
  ])('are refused with %s: FAILED_PRECONDITION with the path', async (_, environment, message) => {
    const refusal: unknown = await checkImports(environment, find).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DomainError);
    expect(refusal).toMatchObject({ kind: 'failed-precondition', violations: [{ field: 'spec.imports' }] });
    expect(String(refusal)).toContain(message);
  });
});
