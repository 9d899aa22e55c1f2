/** The order in which things can be made, or the things that depend on each other in a circle. */
export type DependencyOrder<T> =
  | { readonly kind: 'ordered'; readonly items: readonly T[] }
  /** The first one stands at the end again. */
  | { readonly kind: 'cycle'; readonly path: readonly T[] };

/**
 * Puts what others depend on before them. Otherwise the order that was given stays, so that somebody who has a reason
 * for it is obeyed.
 */
export function dependencyOrder<T>(
  items: readonly T[],
  dependenciesOf: (item: T) => readonly T[],
): DependencyOrder<T> {
  const done = new Set<T>();
  const path: T[] = [];
  /** Answers the circle that it ran into. */
  const visit = (item: T): readonly T[] | undefined => {
    if (done.has(item)) return undefined;
    const before = path.indexOf(item);
    if (before >= 0) return [...path.slice(before), item];
    path.push(item);
    for (const dependency of dependenciesOf(item)) {
      const cycle = visit(dependency);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(item);
    return undefined;
  };
  for (const item of items) {
    const cycle = visit(item);
    if (cycle !== undefined) return { kind: 'cycle', path: cycle };
  }
  return { kind: 'ordered', items: [...done] };
}
