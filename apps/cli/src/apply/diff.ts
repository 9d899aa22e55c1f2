import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { REDACTED } from '@stigmer/domain';
import type { Resource } from '../resources/kinds';
import { resourceJson } from '../resources/json';

/** One field that a write would touch; the path alone, since the values may be secrets. */
export interface Change {
  readonly path: string;
  /** `secret`: a value is given, and only the server can tell whether it is the stored one. */
  readonly change: 'added' | 'removed' | 'changed' | 'secret';
}

/** The fields in which a resource as written differs from the stored one. */
export function diffResources(stored: Resource, written: Resource): readonly Change[] {
  return diff(writable(stored), writable(written), '');
}

/** What a file decides: the spec, and of the metadata all but what the server fills in. */
function writable(resource: Resource): JsonObject {
  const { metadata, spec } = resourceJson(resource);
  const { name, labels, annotations, tags } = (metadata ?? {}) as JsonObject;
  return compact({ metadata: compact({ name, labels, annotations, tags }), spec });
}

function diff(
  stored: JsonValue | undefined,
  written: JsonValue | undefined,
  path: string,
): readonly Change[] {
  if (written === undefined) return stored === undefined ? [] : [{ path, change: 'removed' }];
  if (stored === undefined) return [{ path, change: 'added' }];
  if (Array.isArray(stored) && Array.isArray(written)) {
    const length = Math.max(stored.length, written.length);
    return Array.from({ length }, (_, index) =>
      diff(stored[index], written[index], `${path}[${index}]`),
    ).flat();
  }
  if (isObject(stored) && isObject(written)) return diffObjects(stored, written, path);
  return stored === written ? [] : [{ path, change: 'changed' }];
}

function diffObjects(stored: JsonObject, written: JsonObject, path: string): readonly Change[] {
  // The server completes a reference (org, scope): only what the file says of it can differ, and which version it pins.
  const keys = isReference(written, path)
    ? Object.keys({ ...pinned(stored), ...written })
    : Object.keys({ ...stored, ...written });
  return keys.flatMap((key): readonly Change[] => {
    const at = path === '' ? key : `${path}.${key}`;
    if (key === 'value' && written['is_secret'] === true && stored['is_secret'] === true) {
      return written['value'] === REDACTED ? [] : [{ path: at, change: 'secret' }];
    }
    return diff(stored[key], written[key], at);
  });
}

function isReference(object: JsonObject, path: string): boolean {
  return /(_refs|\.imports)\[\d+\]$/.test(path) && 'slug' in object;
}

function pinned({ version }: JsonObject): JsonObject {
  return version === undefined ? {} : { version };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function compact(object: Record<string, JsonValue | undefined>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
