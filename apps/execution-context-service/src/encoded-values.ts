import { toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Encoded } from '@stigmer/proto';
import { ExecutionContextSchema } from '@stigmer/proto/agentic/executioncontext/v1/api';
import { ExecutionContextSpecSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { type ContextDocument, toResource } from './context-document';

const { data: SEALED } = CreateContextInputSchema.field;
const { data: SHOWN } = ExecutionContextSpecSchema.field;
const { spec: SPEC } = ExecutionContextSchema.field;

/** The tag of one entry of the map in a spec: a byte, as of every field below 16. */
const ENTRY = (SHOWN.number << 3) | WireType.LengthDelimited;

/**
 * The values of an opened context as the bytes of a spec. The entries of the two maps are alike, so that each is copied
 * as it is under the tag of the other map: no value is ever decoded here, and no string of it left behind in memory.
 */
export function encodedValues(plaintext: Buffer): Uint8Array {
  const reader = new BinaryReader(plaintext);
  const values = Buffer.alloc(plaintext.length);
  let length = 0;
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const start = reader.pos;
    reader.skip(wireType, number);
    if (number !== SEALED.number) continue;
    length = values.writeUInt8(ENTRY, length);
    length += plaintext.copy(values, length, start, reader.pos);
  }
  return values.subarray(0, length);
}

/** The context with these values. Parts of a message, one after the other, are the message. */
export function encodedContext(
  document: ContextDocument,
  values: Uint8Array,
): Encoded<typeof ExecutionContextSchema> {
  const rest = toBinary(ExecutionContextSchema, toResource(document, {}));
  const spec = new BinaryWriter().tag(SPEC.number, WireType.LengthDelimited).bytes(values).finish();
  return new Encoded(ExecutionContextSchema, Buffer.concat([rest, spec]));
}
