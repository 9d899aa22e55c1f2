import { create, type DescMessage, type MessageInitShape, ScalarType, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type LayerSource, type MergedValue, REDACTED } from '@stigmer/domain';
import { Encoded } from '@stigmer/proto';
import { ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { Layer, OriginSchema, ResolvedVariableSchema } from '@stigmer/proto/agentic/resolver/v1/io';

/** The tags of a map's entry, in every map. */
const KEY = tagOf({ number: 1 }, WireType.LengthDelimited);
const VALUE = tagOf({ number: 2 }, WireType.LengthDelimited);

const VARIABLE = tagsOf(ResolvedVariableSchema.field);
const EXECUTION_VALUE = tagsOf(ExecutionValueSchema.field);

type Values = ReadonlyMap<string, MergedValue>;

/**
 * The merged variables as callers may see them, where each comes from and no secret's value: the bytes of a field
 * `map<string, ResolvedVariable>`. Most of an answer is this, so it is written straight away, and what hundreds of
 * variables share, their origin, is encoded once.
 */
export function encodeVariables(field: { readonly number: number }, values: Values): Uint8Array {
  return encodeMap(field, values, writeVariable);
}

/** The merged values as a context takes them, secrets and all: the bytes of a field `map<string, ExecutionValue>`. */
export function encodeValues(field: { readonly number: number }, values: Values): Uint8Array {
  return encodeMap(field, values, writeValue);
}

/** A message and one of its fields that is encoded already: parts of a message, one after the other, are the message. */
export function joined<S extends DescMessage>(
  schema: S,
  init: MessageInitShape<S>,
  field: Uint8Array,
): Encoded<S> {
  return new Encoded(schema, Buffer.concat([field, toBinary(schema, create(schema, init))]));
}

function encodeMap(
  field: { readonly number: number },
  values: Values,
  write: (writer: BinaryWriter, value: MergedValue) => void,
): Uint8Array {
  const tag = tagOf(field, WireType.LengthDelimited);
  const writer = new BinaryWriter();
  for (const [name, value] of values) {
    writer.uint32(tag).fork().uint32(KEY).string(name).uint32(VALUE).fork();
    write(writer, value);
    writer.join().join();
  }
  return writer.finish();
}

function writeVariable(
  writer: BinaryWriter,
  { text, secret, origin, shadowed, description = '', final = false, expiresAt }: MergedValue,
): void {
  const shown = secret ? REDACTED : text;
  if (shown !== '') writer.uint32(VARIABLE.value).string(shown);
  if (secret) writer.uint32(VARIABLE.isSecret).bool(true);
  writer.uint32(VARIABLE.origin).bytes(encodedOrigin(origin));
  for (const source of shadowed) writer.uint32(VARIABLE.shadowed).bytes(encodedOrigin(source));
  if (description !== '') writer.uint32(VARIABLE.description).string(description);
  if (final) writer.uint32(VARIABLE.final).bool(true);
  if (expiresAt !== undefined) writer.uint32(VARIABLE.expiresAt).bytes(encodedTime(expiresAt));
}

function writeValue(writer: BinaryWriter, { text, secret }: MergedValue): void {
  if (text !== '') writer.uint32(EXECUTION_VALUE.value).string(text);
  if (secret) writer.uint32(EXECUTION_VALUE.isSecret).bool(true);
}

/** By the source itself, which all values of a layer share. */
const origins = new WeakMap<LayerSource, Uint8Array>();

function encodedOrigin(source: LayerSource): Uint8Array {
  const known = origins.get(source);
  if (known !== undefined) return known;
  const encoded = toBinary(OriginSchema, describeOrigin(source));
  origins.set(source, encoded);
  return encoded;
}

function describeOrigin(source: LayerSource) {
  switch (source.kind) {
    case 'template':
      return create(OriginSchema, { layer: Layer.TEMPLATE });
    case 'environment': {
      const { id: environmentId, slug: environmentSlug, revision, via = [] } = source;
      return create(OriginSchema, {
        ...{ layer: Layer.ENVIRONMENT, environmentId, environmentSlug, revision },
        via: [...via],
      });
    }
    case 'runtime':
      return create(OriginSchema, { layer: Layer.RUNTIME });
  }
}

function encodedTime(ms: number): Uint8Array {
  return toBinary(TimestampSchema, timestampFromMs(ms));
}

function tagsOf<F extends Readonly<Record<string, FieldOnWire>>>(
  fields: F,
): Readonly<Record<keyof F, number>> {
  const tags = Object.entries(fields).map(([name, field]) => [name, tagOf(field, wireTypeOf(field))]);
  return Object.fromEntries(tags) as Record<keyof F, number>;
}

interface FieldOnWire {
  readonly number: number;
  readonly scalar?: number;
}

/** Of the kinds of fields that are written here: texts, messages, and what is true or false. */
function wireTypeOf({ scalar }: FieldOnWire): WireType {
  return scalar === ScalarType.BOOL ? WireType.Varint : WireType.LengthDelimited;
}

function tagOf({ number }: { readonly number: number }, wireType: WireType): number {
  return (number << 3) | wireType;
}
