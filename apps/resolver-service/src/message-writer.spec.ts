import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { MessageWriter } from './message-writer';

type Field =
  | { readonly kind: 'text'; readonly tag: number; readonly text: string }
  | { readonly kind: 'flag'; readonly tag: number; readonly value: boolean }
  | { readonly kind: 'message'; readonly tag: number; readonly fields: readonly Field[] }
  | { readonly kind: 'encoded'; readonly tag: number; readonly bytes: Uint8Array };

const tag = fc.nat(2 ** 32 - 1);
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 300 }));
const { fields } = fc.letrec<{ readonly field: Field; readonly fields: readonly Field[] }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.record({ kind: fc.constant('text' as const), tag, text }),
    fc.record({ kind: fc.constant('flag' as const), tag, value: fc.boolean() }),
    fc.record({ kind: fc.constant('encoded' as const), tag, bytes: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ kind: fc.constant('message' as const), tag, fields: tie('fields') }),
  ),
  fields: fc.array(tie('field'), { maxLength: 5 }),
}));

function write(writer: MessageWriter, all: readonly Field[]): void {
  for (const field of all) {
    switch (field.kind) {
      case 'text':
        writer.text(field.tag, field.text);
        break;
      case 'flag':
        writer.flag(field.tag, field.value);
        break;
      case 'encoded':
        writer.message(field.tag, field.bytes);
        break;
      case 'message': {
        const begun = writer.begin(field.tag);
        write(writer, field.fields);
        writer.end(begun);
      }
    }
  }
}

function writeAsProtobuf(writer: BinaryWriter, all: readonly Field[]): BinaryWriter {
  for (const field of all) {
    writer.uint32(field.tag);
    switch (field.kind) {
      case 'text':
        writer.string(field.text);
        break;
      case 'flag':
        writer.bool(field.value);
        break;
      case 'encoded':
        writer.bytes(field.bytes);
        break;
      case 'message':
        writeAsProtobuf(writer.fork(), field.fields).join();
    }
  }
  return writer;
}

it('writes the bytes that protobuf writes, however much memory was expected to be needed', () => {
  fc.assert(
    fc.property(fields, fc.nat(2_000), (all, expected) => {
      const writer = new MessageWriter(expected);
      write(writer, all);
      expect(Buffer.from(writer.finish())).toEqual(
        Buffer.from(writeAsProtobuf(new BinaryWriter(), all).finish()),
      );
    }),
  );
});

it('writes a message of any length', () => {
  for (const length of [0, 1, 63, 64, 65, 127, 128, 16_383, 16_384, 2_097_152]) {
    const all: Field[] = [
      { kind: 'message', tag: 10, fields: [{ kind: 'text', tag: 18, text: 'é'.repeat(length) }] },
    ];
    const writer = new MessageWriter(0);
    write(writer, all);
    expect(Buffer.compare(writer.finish(), writeAsProtobuf(new BinaryWriter(), all).finish())).toBe(0);
  }
});
