import { create, toBinary } from '@bufbuild/protobuf';
import { CryptoError, type ParsedValue, parseValue } from '@stigmer/crypto';
import { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { OpenedEnvironmentSchema } from '@stigmer/proto/internal/v1/environment_vault';
import { type EnvironmentDocument, toValue, toValues } from './environment-document';
import { type EnvironmentSecrets, placeOf, plaintextBytes } from './environment-secrets';
import { bytesField, concat, textField } from './wire';

/**
 * The parts of an `OpenedEnvironment` that are the same in every answer, encoded. Kept beside the cached document for
 * as long as that is kept; nothing in it is secret.
 */
export interface OpenedLayout {
  /** Who it is. */
  readonly names: Uint8Array;
  /** The variables without secrets' values, and the lengths of those. */
  readonly redacted: Uint8Array;
  /** The variables with a gap for each secret's plaintext, whose length is known before it is opened. */
  readonly gapped: Uint8Array;
  readonly gaps: readonly Gap[];
}

interface Gap {
  readonly name: string;
  readonly stored: string;
  /** Where in `gapped` the plaintext belongs, and how long it is. */
  readonly at: number;
  readonly length: number;
  /** Absent where the value is in an older form, or is none that could be opened. */
  readonly parsed?: ParsedValue;
}

const { field: FIELD } = OpenedEnvironmentSchema;
const VALUE = EnvironmentValueSchema.field;
const ENTRY = { key: 1, value: 2 } as const;

const layouts = new WeakMap<EnvironmentDocument, OpenedLayout>();

/** The layout of a document, made once for as long as somebody keeps the document. */
export function layoutOf(document: EnvironmentDocument): OpenedLayout {
  const known = layouts.get(document);
  if (known !== undefined) return known;
  const layout = makeLayout(document);
  layouts.set(document, layout);
  return layout;
}

/** The variables with their secrets in plaintext, encoded: for the answer of `open`, and for nothing else. */
export function fillGaps(
  { gapped, gaps }: OpenedLayout,
  secrets: EnvironmentSecrets,
  into: Uint8Array,
): void {
  into.set(gapped);
  for (const { name, stored, parsed, at, length } of gaps) {
    const sealedHere = parsed !== undefined && !secrets.legacy;
    const text = sealedHere ? secrets.openParsed(name, parsed) : Buffer.from(secrets.open(name, stored));
    if (text.byteLength !== length) throw new Error('a plaintext is not as long as its ciphertext says');
    into.set(text, at);
    text.fill(0);
  }
}

function makeLayout(document: EnvironmentDocument): OpenedLayout {
  const { _id: id, slug, org, name, version, data } = document;
  const secrets = [...data].filter(([, { is_secret }]) => is_secret);
  const secretBytes = Object.fromEntries(secrets.map(([key, { value }]) => [key, plaintextBytes(value)]));
  const redacted = { data: toValues(document, () => ''), secretBytes };
  return {
    names: encode({ id, slug, org, name, revision: version.id }),
    redacted: encode(redacted),
    ...withGaps(document),
  };
}

function withGaps(document: EnvironmentDocument): Pick<OpenedLayout, 'gapped' | 'gaps'> {
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
    if (is_secret)
      gaps.push({ name, stored: value, at, length: text.byteLength, parsed: parse(document, name, value) });
  }
  return { gapped: concat(parts), gaps };
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
