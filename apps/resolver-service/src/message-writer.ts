/** The first byte that has a second one after it, in protobuf's numbers and in UTF-8. */
const MORE = 0x80;
/** A number takes at most so many bytes. */
const NUMBER_BYTES = 5;
/** Up to here a text is written faster letter by letter than by a call into Node. */
const SHORT = 64;

/**
 * Writes a message of many short texts, as protobuf's own writer would, into one piece of memory: nothing is copied
 * where that was large enough from the start.
 */
export class MessageWriter {
  private bytes: Buffer;
  private at = 0;

  /** `expected` bytes are enough, mostly. */
  constructor(expected: number) {
    this.bytes = Buffer.allocUnsafe(expected);
  }

  /** A field of a text. */
  text(tag: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.head(tag, length);
    if (length === text.length && length <= SHORT) this.letters(text);
    else this.bytes.write(text, this.at);
    this.at += length;
  }

  /** A field that is true or false. */
  flag(tag: number, value: boolean): void {
    this.head(tag, value ? 1 : 0);
  }

  /** A field of a message that is encoded already. */
  message(tag: number, encoded: Uint8Array): void {
    this.head(tag, encoded.byteLength);
    this.append(encoded);
  }

  /** Fields that are encoded already: parts of a message, one after the other, are the message. */
  append(encoded: Uint8Array): void {
    this.reserve(encoded.byteLength);
    this.bytes.set(encoded, this.at);
    this.at += encoded.byteLength;
  }

  /** Begins a field of a message; what is written until `end` is in it. Answers what `end` is to be given. */
  begin(tag: number): number {
    this.head(tag, 0);
    return this.at;
  }

  end(begun: number): void {
    const length = this.at - begun;
    const extra = numberBytes(length) - 1;
    if (extra > 0) {
      this.reserve(extra);
      this.bytes.copyWithin(begun + extra, begun, this.at);
    }
    this.at = begun - 1;
    this.number(length);
    this.at += length;
  }

  /** The message. The writer is not to be used any more. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  /** A tag and a number, with room for as many bytes as the number says. */
  private head(tag: number, value: number): void {
    this.reserve(2 * NUMBER_BYTES + value);
    this.number(tag);
    this.number(value);
  }

  private number(value: number): void {
    let left = value;
    while (left >= MORE) {
      this.bytes[this.at++] = (left % MORE) | MORE;
      left = Math.floor(left / MORE);
    }
    this.bytes[this.at++] = left;
  }

  private letters(text: string): void {
    const { bytes, at } = this;
    for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  }

  private reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.bytes.byteLength));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

function numberBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= MORE; left = Math.floor(left / MORE)) bytes += 1;
  return bytes;
}
