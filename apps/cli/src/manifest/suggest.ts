import { suggest } from '@stigmer/domain';

/** `; did you mean "x"?` for the name most likely meant, or nothing where none is near. */
export function didYouMean(given: string, names: Iterable<string>): string {
  const near = suggest(given, names);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}
