import fc from 'fast-check';
import { dependencyOrder } from './dependency-order';

const order = (graph: Readonly<Record<string, readonly string[]>>) =>
  dependencyOrder(Object.keys(graph), (name) => graph[name] ?? []);

describe('an order of things that depend on each other', () => {
  it('puts a dependency first, and else leaves the order as it is', () => {
    expect(order({ c: [], b: ['a'], d: [], a: [] })).toEqual({
      kind: 'ordered',
      items: ['c', 'a', 'b', 'd'],
    });
    expect(order({})).toEqual({ kind: 'ordered', items: [] });
  });

  it('tells a circle by its path', () => {
    expect(order({ x: ['a'], a: ['b'], b: ['c'], c: ['a'] })).toEqual({
      kind: 'cycle',
      path: ['a', 'b', 'c', 'a'],
    });
    expect(order({ a: ['a'] })).toEqual({ kind: 'cycle', path: ['a', 'a'] });
  });

  it('holds for every graph: all of it in order, or a circle that is one', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
    const edges = fc.array(fc.tuple(fc.constantFrom(...nodes), fc.constantFrom(...nodes)), { maxLength: 12 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const needs = (name: string) => pairs.filter(([from]) => from === name).map(([, to]) => to);
        const found = dependencyOrder<string>(nodes, needs);
        if (found.kind === 'cycle') {
          const steps = found.path.slice(1).map((to, index) => [found.path[index] ?? '', to] as const);
          expect(found.path.at(0)).toBe(found.path.at(-1));
          expect(steps.length).toBeGreaterThan(0);
          for (const [from, to] of steps) expect(needs(from)).toContain(to);
        } else {
          expect([...found.items].sort()).toEqual([...nodes]);
          for (const [from, to] of pairs) {
            expect(found.items.indexOf(to)).toBeLessThan(found.items.indexOf(from));
          }
        }
      }),
    );
  });
});
