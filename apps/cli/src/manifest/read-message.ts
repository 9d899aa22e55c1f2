import {
  ScalarType,
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
} from '@bufbuild/protobuf';
import { looksLikeCredential } from '@stigmer/domain';
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { parseTime } from '../time';
import { readIdentifier, readReference, REFERENCE } from './read-reference';
import { isNull, scalarText, type Reader } from './reader';
import { didYouMean } from './suggest';

/**
 * Reads one YAML node as a message of the contract and returns its JSON form. Guided by the descriptors alone, so a
 * new field needs no code here; every problem is noted with its position and none stops the reading.
 */
export function readMessage(desc: DescMessage, node: Node, path: string, reader: Reader): JsonObject {
  const message: JsonObject = {};
  if (!isMap(node)) {
    reader.problem(node, path, 'has to be a mapping');
    return message;
  }
  const fields = fieldsByName(desc);
  const seen = new Map<string, string>();
  for (const { key, keyNode, value } of reader.entries(node, path)) {
    const field = fields.get(key);
    const at = join(path, field?.name ?? shown(key));
    if (!field) {
      reader.problem(
        keyNode,
        at,
        `unknown field${didYouMean(
          key,
          desc.fields.map(({ name }) => name),
        )}`,
      );
      continue;
    }
    reader.place(keyNode, at);
    const group = field.oneof?.name ?? field.name;
    const earlier = seen.get(group);
    if (earlier !== undefined) {
      reader.problem(
        keyNode,
        at,
        earlier === field.name ? 'is given twice' : `cannot stand beside ${earlier}`,
      );
      continue;
    }
    seen.set(group, field.name);
    if (isNull(value) || value === undefined) continue;
    const json = readField(field, value, at, reader);
    if (json !== undefined) message[field.jsonName] = json;
  }
  return message;
}

/** A key as it may be named: broken YAML can make a key of what was meant to be a secret's value. */
function shown(key: string): string {
  return looksLikeCredential('', key) === undefined ? key : '…';
}

/** A field under both spellings that a file may use: `is_secret` and `isSecret`. */
function fieldsByName(desc: DescMessage): ReadonlyMap<string, DescField> {
  return new Map(
    desc.fields.flatMap((field): [string, DescField][] => [
      [field.name, field],
      [field.jsonName, field],
    ]),
  );
}

function readField(field: DescField, node: Node, path: string, reader: Reader): JsonValue | undefined {
  switch (field.fieldKind) {
    case 'scalar':
      return field.scalar === ScalarType.STRING && field.name.endsWith('_id')
        ? readIdentifier(node, path, reader)
        : readScalar(field.scalar, node, path, reader);
    case 'enum':
      return readEnum(field.enum, node, path, reader);
    case 'message':
      return readSingular(field.message, field.name, node, path, reader);
    case 'list':
      return readList(field, node, path, reader);
    case 'map':
      return readMap(field, node, path, reader);
  }
}

function readSingular(
  desc: DescMessage,
  name: string,
  node: Node,
  path: string,
  reader: Reader,
): JsonValue | undefined {
  if (desc.typeName === REFERENCE) {
    return readReference(name, node, path, reader, (map) => readMessage(desc, map, path, reader));
  }
  if (!desc.typeName.startsWith('google.protobuf.')) return readMessage(desc, node, path, reader);
  if (desc.typeName === 'google.protobuf.Struct' && !isMap(node)) {
    reader.problem(node, path, 'has to be a mapping');
    return undefined;
  }
  if (desc.typeName === 'google.protobuf.Timestamp') return readTime(node, path, reader);
  return reader.plain(node) as JsonValue;
}

/** Checked here, where its place in the file is known: the contract's own reader would only say that it is wrong. */
function readTime(node: Node, path: string, reader: Reader): JsonValue | undefined {
  const text = isScalar(node) ? scalarText(node) : undefined;
  if (text !== undefined && parseTime(text) !== undefined) return text.toUpperCase();
  reader.problem(node, path, 'has to be a time such as 2027-01-31T00:00:00Z');
  return undefined;
}

type ListField = Extract<DescField, { fieldKind: 'list' }>;
type MapField = Extract<DescField, { fieldKind: 'map' }>;

function readList(field: ListField, node: Node, path: string, reader: Reader): JsonValue | undefined {
  if (!isSeq(node)) {
    reader.problem(node, path, 'has to be a list');
    return undefined;
  }
  return node.items.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const value = reader.resolve(item);
    reader.place(value, at);
    if (value === undefined || isNull(value)) {
      reader.problem(value ?? node, at, 'is empty');
      return [];
    }
    const json = readElement(field, field.listKind, value, at, reader);
    return json === undefined ? [] : [json];
  });
}

function readMap(field: MapField, node: Node, path: string, reader: Reader): JsonValue | undefined {
  if (!isMap(node)) {
    reader.problem(node, path, 'has to be a mapping');
    return undefined;
  }
  const json: JsonObject = {};
  for (const { key, keyNode, value } of reader.entries(node, path)) {
    const at = `${path}[${JSON.stringify(key)}]`;
    reader.place(keyNode, at);
    // As a key of a plain object this one would set the prototype: it would vanish instead of being refused.
    if (key === '__proto__') {
      reader.problem(keyNode, at, 'is not a legal name');
    } else {
      // `TOKEN:` with nothing behind it declares the key: an empty message, and an empty text.
      const element =
        isNull(value) || value === undefined
          ? emptyElement(field.mapKind)
          : readElement(field, field.mapKind, value, at, reader);
      if (element !== undefined) json[key] = element;
    }
  }
  return json;
}

function emptyElement(kind: 'message' | 'enum' | 'scalar'): JsonValue | undefined {
  return kind === 'message' ? {} : kind === 'scalar' ? '' : undefined;
}

function readElement(
  field: ListField | MapField,
  kind: 'message' | 'enum' | 'scalar',
  node: Node,
  path: string,
  reader: Reader,
): JsonValue | undefined {
  switch (kind) {
    case 'message':
      return field.message && readSingular(field.message, field.name, node, path, reader);
    case 'enum':
      return field.enum && readEnum(field.enum, node, path, reader);
    case 'scalar':
      return field.scalar === undefined ? undefined : readScalar(field.scalar, node, path, reader);
  }
}

function readScalar(type: ScalarType, node: Node, path: string, reader: Reader): JsonValue | undefined {
  if (!isScalar(node)) {
    reader.problem(node, path, `has to be ${scalarName(type)}, not a ${isSeq(node) ? 'list' : 'mapping'}`);
    return undefined;
  }
  const { value } = node;
  if (type === ScalarType.STRING) return scalarText(node);
  const fits =
    type === ScalarType.BOOL
      ? typeof value === 'boolean'
      : type === ScalarType.BYTES
        ? typeof value === 'string'
        : type === ScalarType.DOUBLE || type === ScalarType.FLOAT
          ? typeof value === 'number'
          : Number.isSafeInteger(value);
  if (fits) return value as JsonValue;
  reader.problem(node, path, `has to be ${scalarName(type)}`);
  return undefined;
}

function scalarName(type: ScalarType): string {
  if (type === ScalarType.STRING) return 'a text';
  if (type === ScalarType.BOOL) return 'true or false';
  if (type === ScalarType.BYTES) return 'a base64 text';
  return type === ScalarType.DOUBLE || type === ScalarType.FLOAT ? 'a number' : 'a whole number';
}

/** An enum by its full name, its short one (`SET` for `WORKFLOW_TASK_KIND_SET`) in any case, or its number. */
function readEnum(desc: DescEnum, node: Node, path: string, reader: Reader): JsonValue | undefined {
  const given = isScalar(node) ? node.value : undefined;
  if (typeof given === 'number' && desc.value[given]) return given;
  const wanted = typeof given === 'string' ? letters(given) : undefined;
  const match = desc.values.find(
    ({ name, localName }) => wanted === letters(name) || wanted === letters(localName),
  );
  if (match) return match.name;
  const allowed = desc.values.filter(({ number }) => number !== 0).map(({ localName }) => localName);
  // The list is worth showing where a person can read it; a long one (all kinds of resources) is not.
  reader.problem(
    node,
    path,
    allowed.length <= 20 ? `has to be one of ${allowed.join(', ')}` : 'is not known',
  );
  return undefined;
}

function letters(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
