import { WireType } from '@bufbuild/protobuf/wire';

/** A field of bytes, of a text or of a message that is encoded already, with its number and its length before it. */
export function bytesField(number: number, bytes: Uint8Array): Buffer {
  const head = fieldHead(number, bytes.byteLength);
  return concat([head, bytes]);
}

export function textField(number: number, text: string): Buffer {
  return bytesField(number, Buffer.from(text));
}

/** What comes before the bytes of a field. */
export function fieldHead(number: number, length: number): Buffer {
  const head: number[] = [];
  pushVarint(head, (number << 3) | WireType.LengthDelimited);
  pushVarint(head, length);
  return Buffer.from(head);
}

export function concat(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

function pushVarint(into: number[], value: number): void {
  let left = value;
  while (left > 0x7f) {
    into.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  into.push(left);
}
