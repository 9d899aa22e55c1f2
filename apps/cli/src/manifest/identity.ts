import { slugify } from '@stigmer/domain';
import type { Manifest } from './read-resource';

/** Kind and name for people, and the slug under which the server knows the resource. */
export function identityOf({ kind, resource }: Manifest): {
  readonly kind: string;
  readonly name: string;
  readonly slug: string;
} {
  const { name = '', slug = '' } = resource.metadata ?? {};
  return { kind: kind.name, name: name || slug, slug: slug || slugify(name) };
}
