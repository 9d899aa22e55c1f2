import { toJson, type JsonObject } from '@bufbuild/protobuf';
import { KINDS, type Resource } from './kinds';

/**
 * A resource as `get` prints it and `apply` reads it: the contract's field names, and `apiVersion` as in the files
 * that people write.
 */
export function resourceJson(resource: Resource): JsonObject {
  const kind = KINDS.find(({ schema }) => schema.typeName === resource.$typeName);
  if (!kind) throw new Error(`no kind has messages of type ${resource.$typeName}`);
  const { api_version, ...rest } = toJson(kind.schema, resource, { useProtoFieldName: true }) as JsonObject;
  return { ...(api_version === undefined ? {} : { apiVersion: api_version }), ...rest };
}
