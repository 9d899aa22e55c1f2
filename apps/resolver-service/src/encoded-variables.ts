import { create, type DescMessage, type MessageInitShape, ScalarType, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type LayerSource, type MergedValue, REDACTED } from '@stigmer/domain';
import { Encoded } from '@stigmer/proto';
import { ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { Layer, OriginSchema, ResolvedVariableSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { MessageWriter } from './message-writer';

/** The tags of a map's entry, in every map. */
const KEY = tagOf({ number: 1 }, WireType.LengthDelimited);
const VALUE = tagOf({ number: 2 }, WireType.LengthDelimited);

const VARIABLE = tagsOf(ResolvedVariableSchema.field);
const EXECUTION_VALUE = tagsOf(ExecutionValueSchema.field);

type Values = ReadonlyMap<string, MergedValue>;

/** The most that a variable takes beside its texts, mostly: its origin above all. */
const VARIABLE_BYTES = 128;
const VALUE_BYTES = 16;
/** What a message has beside its map, mostly. */
const REST_BYTES = 1_024;

/**
 * A message whose `field`, a `map<string, ResolvedVariable>`, holds the merged variables as callers may see them: where
 * each comes from, and no secret's value. Most of an answer is this, so it is written straight away, and what hundreds
 * of variables share, their origin, is encoded once.
 */
export function encodeVariables<S extends DescMessage>(
  schema: S,
  init: MessageInitShape<S>,
  field: FieldOnWire,
  values: Values,
): Encoded<S> {
  return encodeWithMap(schema, init, field, values, { write: writeVariable, bytes: VARIABLE_BYTES });
}

/** A message whose `field`, a `map<string, ExecutionValue>`, holds the merged values as a context takes them, secrets and all. */
export function encodeValues<S extends DescMessage>(
  schema: S,
  init: MessageInitShape<S>,
  field: FieldOnWire,
  values: Values,
): Encoded<S> {
  return encodeWithMap(schema, init, field, values, { write: writeValue, bytes: VALUE_BYTES });
}

/** How one value of a map is written, and how many bytes that takes beside its texts. */
interface Writing {
  readonly write: (writer: MessageWriter, value: MergedValue) => void;
  readonly bytes: number;
}

function encodeWithMap<S extends DescMessage>(
  schema: S,
  init: MessageInitShape<S>,
  field: FieldOnWire,
  values: Values,
  { write, bytes }: Writing,
): Encoded<S> {
  const tag = tagOf(field, WireType.LengthDelimited);
  const writer = new MessageWriter(REST_BYTES + expectedBytes(values, bytes));
  writer.append(toBinary(schema, create(schema, init)));
  for (const [name, value] of values) {
    const entry = writer.begin(tag);
    writer.text(KEY, name);
    const message = writer.begin(VALUE);
    write(writer, value);
    writer.end(message);
    writer.end(entry);
  }
  return new Encoded(schema, writer.finish());
}

function expectedBytes(values: Values, each: number): number {
  let bytes = each * values.size;
  for (const [name, { text, description = '' }] of values)
    bytes += name.length + text.length + description.length;
  return bytes;
}

function writeVariable(
  writer: MessageWriter,
  { text, secret, origin, shadowed, description = '', final = false, expiresAt }: MergedValue,
): void {
  const shown = secret ? REDACTED : text;
  if (shown !== '') writer.text(VARIABLE.value, shown);
  if (secret) writer.flag(VARIABLE.isSecret, true);
  writer.message(VARIABLE.origin, encodedOrigin(origin));
  for (const source of shadowed) writer.message(VARIABLE.shadowed, encodedOrigin(source));
  if (description !== '') writer.text(VARIABLE.description, description);
  if (final) writer.flag(VARIABLE.final, true);
  if (expiresAt !== undefined) writer.message(VARIABLE.expiresAt, encodedTime(expiresAt));
}

function writeValue(writer: MessageWriter, { text, secret }: MergedValue): void {
  if (text !== '') writer.text(EXECUTION_VALUE.value, text);
  if (secret) writer.flag(EXECUTION_VALUE.isSecret, true);
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
