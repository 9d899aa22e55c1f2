import { WireType } from '@bufbuild/protobuf/wire';

/** A field of bytes, of a text or of a message that is encoded already, with its number and its length before it. */
export function bytesField(number: number, bytes: Uint8Array): Uint8Array {
  const head = fieldHead(number, bytes.byteLength);
  return concat([head, bytes]);
}

export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, Buffer.from(text));
}

/** What comes before the bytes of a field. */
export function fieldHead(number: number, length: number): Uint8Array {
  const head: number[] = [];
  pushVarint(head, (number << 3) | WireType.LengthDelimited);
  pushVarint(head, length);
  return Uint8Array.from(head);
}

/** All parts in one piece of memory that is exactly as large: Node's own `concat` may hand out a part of a larger one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function pushVarint(into: number[], value: number): void {
  let left = value;
  while (left > 0x7f) {
    into.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  into.push(left);
}
