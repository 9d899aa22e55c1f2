/** Items with an id keep their place and are replaced; new ones follow. An item without an id is always new. */
export function mergeById<T>(before: readonly T[], change: readonly T[], idOf: (item: T) => string): T[] {
  const merged = [...before];
  for (const item of change) {
    const id = idOf(item);
    const at = id === '' ? -1 : merged.findIndex((known) => idOf(known) === id);
    if (at === -1) merged.push(item);
    else merged[at] = item;
  }
  return merged;
}

/** A list that only grows: a shorter one was sent before the longer one and arrived after it. */
export function replaceUnlessShorter<T>(before: T[], change: T[]): T[] {
  return change.length >= before.length ? change : before;
}
