import { encodings } from './encodings';

/** A place that was searched: what it is called in a report, and all its bytes. */
export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A canary that was found: where, which one (by name, never by value), and in which form. */
export interface Leak {
  readonly place: string;
  readonly canary: string;
  readonly form: string;
}

/** Looks for every canary, in each of its encodings, in every place. In: canaries by name. Out: all hits. */
export function searchLeaks(
  canaries: ReadonlyMap<string, string>,
  places: readonly Place[],
): readonly Leak[] {
  const needles = [...canaries].flatMap(([canary, secret]) =>
    [...encodings(secret)].map(([form, bytes]) => ({ canary, form, bytes })),
  );
  return places.flatMap((place) =>
    needles
      .filter(({ bytes }) => place.bytes.includes(bytes))
      .map(({ canary, form }) => ({ place: place.name, canary, form })),
  );
}
