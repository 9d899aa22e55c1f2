import { create, toBinary } from '@bufbuild/protobuf';
import { CryptoError, type ParsedValue, parseValue } from '@stigmer/crypto';
import { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { OpenedEnvironmentSchema } from '@stigmer/proto/internal/v1/environment_vault';
import { type EnvironmentDocument, toValue, toValues } from './environment-document';
import { type EnvironmentSecrets, placeOf, plaintextBytes } from './environment-secrets';
import { bytesField, concat, textField } from './wire';

/** One secret's place among the variables: where its plaintext belongs, and where what it is opened from lies. */
interface Gap {
  readonly name: string;
  readonly at: number;
  readonly length: number;
  /** Absent where the value is in an older form, or is none that could be opened. */
  readonly parsed?: ParsedValue;
}

/** Variables with a gap for each secret's plaintext, whose length is known before it is opened. */
interface Gapped {
  readonly bytes: Uint8Array;
  readonly gaps: readonly Gap[];
}

const { field: FIELD } = OpenedEnvironmentSchema;
const VALUE = EnvironmentValueSchema.field;
const ENTRY = { key: 1, value: 2 } as const;

const layouts = new WeakMap<EnvironmentDocument, OpenedLayout>();

/** The layout of a document, made once for as long as somebody keeps the document. */
export function layoutOf(document: EnvironmentDocument): OpenedLayout {
  const known = layouts.get(document) ?? new OpenedLayout(document);
  layouts.set(document, known);
  return known;
}

/**
 * The parts of an `OpenedEnvironment` that are the same in every answer, encoded when they are first needed. Nothing in
 * it is secret.
 */
export class OpenedLayout {
  /** Who it is. */
  readonly names: Uint8Array;
  private redactedBytes: Uint8Array | undefined;
  private gappedBytes: Gapped | undefined;

  constructor(private readonly document: EnvironmentDocument) {
    const { _id: id, slug, org, name, version } = document;
    this.names = encode({ id, slug, org, name, revision: version.id });
  }

  /** The variables without secrets' values, and the lengths of those. */
  get redacted(): Uint8Array {
    return (this.redactedBytes ??= redacted(this.document));
  }

  /** How long the variables are with their secrets in plaintext. */
  get openedLength(): number {
    return this.gapped.bytes.byteLength;
  }

  get hasSecrets(): boolean {
    return this.gapped.gaps.length > 0;
  }

  /** Writes the variables with their secrets in plaintext: for the answer of `open`, and for nothing else. */
  openInto(target: Uint8Array, secrets: EnvironmentSecrets): void {
    target.set(this.gapped.bytes);
    for (const { name, parsed, at, length } of this.gapped.gaps) {
      const text =
        parsed === undefined || secrets.legacy
          ? Buffer.from(secrets.open(name, this.document.data.get(name)?.value ?? ''))
          : secrets.openParsed(name, parsed);
      if (text.byteLength !== length) throw new Error('a plaintext is not as long as its ciphertext says');
      target.set(text, at);
      text.fill(0);
    }
  }

  /** Writes the variables of an environment without secrets. */
  copyInto(target: Uint8Array): void {
    target.set(this.gapped.bytes);
  }

  private get gapped(): Gapped {
    return (this.gappedBytes ??= gapped(this.document));
  }
}

function redacted(document: EnvironmentDocument): Uint8Array {
  const secrets = [...document.data].filter(([, { is_secret }]) => is_secret);
  const secretBytes = Object.fromEntries(secrets.map(([key, { value }]) => [key, plaintextBytes(value)]));
  return encode({ data: toValues(document, () => ''), secretBytes });
}

function gapped(document: EnvironmentDocument): Gapped {
  const parts: Uint8Array[] = [];
  const gaps: Gap[] = [];
  let length = 0;
  for (const [name, variable] of document.data) {
    const { value, is_secret } = variable;
    const text = is_secret ? new Uint8Array(plaintextBytes(value)) : Buffer.from(value);
    // Everything after the value itself, which is the first field.
    const rest = toBinary(EnvironmentValueSchema, create(EnvironmentValueSchema, toValue(variable, '')));
    const message = concat([bytesField(VALUE.value.number, text), rest]);
    const entry = concat([textField(ENTRY.key, name), bytesField(ENTRY.value, message)]);
    const part = bytesField(FIELD.data.number, entry);
    const at = length + part.byteLength - rest.byteLength - text.byteLength;
    parts.push(part);
    length += part.byteLength;
    if (is_secret) gaps.push({ name, at, length: text.byteLength, parsed: parse(document, name, value) });
  }
  return { bytes: concat(parts), gaps: compact(gaps) };
}

/** What all values are opened from, in one piece of memory of its own: small ones would each hold on to a larger one. */
function compact(gaps: readonly Gap[]): readonly Gap[] {
  const parts = gaps.flatMap(({ parsed }) => (parsed === undefined ? [] : [parsed.sealed, parsed.aad]));
  const { buffer } = concat(parts);
  let at = 0;
  const take = ({ byteLength }: Uint8Array) => {
    at += byteLength;
    return Buffer.from(buffer, at - byteLength, byteLength);
  };
  return gaps.map(({ parsed, ...gap }) =>
    parsed === undefined ? gap : { ...gap, parsed: { sealed: take(parsed.sealed), aad: take(parsed.aad) } },
  );
}

/** What cannot be parsed is left to whoever opens it, to say so. */
function parse(document: EnvironmentDocument, name: string, stored: string): ParsedValue | undefined {
  if (document.crypto === undefined) return undefined;
  try {
    return parseValue(placeOf(document), name, stored);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

function encode(init: Parameters<typeof create<typeof OpenedEnvironmentSchema>>[1]): Uint8Array {
  return toBinary(OpenedEnvironmentSchema, create(OpenedEnvironmentSchema, init));
}
