import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { reference } from '../resources/reference';
import { UsageError } from '../usage-error';

/** An environment as people name it, and the version they mean; empty: the current one. */
export interface VersionedName {
  readonly name: string;
  readonly version: string;
}

/** `prod@5`, `prod@stable`, `prod@ver-01…`: no name, slug or id of an environment has an `@` in it. */
export function parseVersioned(text: string): VersionedName {
  const at = text.indexOf('@');
  if (at < 0) return { name: text, version: '' };
  const name = text.slice(0, at);
  const version = text.slice(at + 1);
  if (name === '' || version === '') {
    throw new UsageError(
      'a version stands behind the name: NAME@VERSION',
      'a version is a number, an id or a tag; `stigmer environment history NAME` lists them',
    );
  }
  return { name, version };
}

/** A reference to an environment at a version. */
export function environmentReference(org: string, { name, version }: VersionedName): ApiResourceReference {
  return reference(org, 'Environment', name, version);
}
