import { invalidArguments, resourceExhausted } from '@stigmer/domain';

// A tag stands where an id or a number may stand too, and must not be taken for one.
const TAG = /^[a-z][a-z0-9._-]{0,127}$/;
const VERSION_ID = /^ver-/;
const LATEST = 'latest';
const MAX_TAGS = 100;

/** Refuses what is no name for a version, and one more than an environment may have. */
export function checkTag(tag: string, existing: ReadonlyMap<string, string>): void {
  if (!TAG.test(tag) || VERSION_ID.test(tag) || tag === LATEST) {
    const description =
      'must be lower-case letters, digits, ".", "_" or "-", beginning with a letter, at most 128, not "latest" and not "ver-…"';
    throw invalidArguments([{ field: 'tag', description }]);
  }
  if (existing.has(tag) || existing.size < MAX_TAGS) return;
  throw resourceExhausted(`an environment has at most ${MAX_TAGS} tags: remove one first`);
}
