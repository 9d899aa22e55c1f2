import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { isMap, isScalar, type Node, type YAMLMap } from 'yaml';
import { scalarText, without, type Reader } from './reader';

export const REFERENCE = 'ai.stigmer.commons.apiresource.ApiResourceReference';

/** What a reference in these fields points at, where the file does not say. */
const KIND_OF_FIELD: Readonly<Record<string, string>> = {
  environment_refs: 'environment',
  env_refs: 'environment',
  imports: 'environment',
  skill_refs: 'skill',
};

/**
 * A reference: `{id: …}`, `{slug: …}`, a bare name, or the whole message. The wire has one place for all of them,
 * `slug`, which the server looks up as an id, as a slug and as `<prefix>-<slug>`. Only environments have versions: a
 * bare name may have one behind an `@`.
 */
export function readReference(
  field: string,
  node: Node,
  path: string,
  reader: Reader,
  readWhole: (node: Node) => JsonObject,
): JsonValue | undefined {
  const kind = KIND_OF_FIELD[field];
  if (isScalar(node)) return withKind(named(scalarText(node) ?? '', kind), kind);
  if (!isMap(node)) {
    reader.problem(node, path, 'has to be a name, {id: …} or {slug: …}');
    return undefined;
  }
  const id = pluck(node, 'id');
  if (id === undefined) return withKind(readWhole(node), kind);
  if (pluck(node, 'slug') !== undefined) reader.problem(node, path, 'has both id and slug; give one of them');
  return withKind({ ...readWhole(without(node, 'id')), slug: id }, kind);
}

/** The fields that hold one id (`agent_id`) take the same short forms, and hand them on as they are. */
export function readIdentifier(node: Node, path: string, reader: Reader): string | undefined {
  const given = isScalar(node)
    ? scalarText(node)
    : isMap(node)
      ? (pluck(node, 'id') ?? pluck(node, 'slug'))
      : undefined;
  if (given === undefined) reader.problem(node, path, 'has to be a name, {id: …} or {slug: …}');
  return given;
}

function named(text: string, kind: string | undefined): JsonObject {
  const at = kind === 'environment' ? text.indexOf('@') : -1;
  return at < 1 ? { slug: text } : { slug: text.slice(0, at), version: text.slice(at + 1) };
}

function pluck(map: YAMLMap, key: string): string | undefined {
  const node = map.get(key, true);
  return node === undefined ? undefined : scalarText(node);
}

function withKind(reference: JsonObject, kind: string | undefined): JsonObject {
  return kind === undefined ? reference : { kind, ...reference };
}
