import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { timestampMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { EnvironmentSource, Layer, LayerEntry } from '@stigmer/domain';
import { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { type ApiResourceReference, ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import {
  type ImportProblem,
  ImportProblemSchema,
  OpenedEnvironmentSchema,
  OpenedEnvironmentsSchema,
} from '@stigmer/proto/internal/v1/environment_vault';

/** An opened environment as a layer of the merge. */
export interface OpenedLayer extends Layer {
  readonly source: EnvironmentSource;
  readonly org: string;
  /** Of a redacted one: the lengths of its secrets. */
  readonly secretBytes: ReadonlyMap<string, number>;
}

/** What the environment-service answered. */
export interface Opened {
  readonly layers: readonly OpenedLayer[];
  readonly missing: readonly ApiResourceReference[];
  readonly importProblems: readonly ImportProblem[];
}

/** Makes a layer of the bytes of one opened environment. */
export type ReadLayer = (bytes: Uint8Array) => OpenedLayer;

const OPENED = OpenedEnvironmentsSchema.field;
const ENVIRONMENT = OpenedEnvironmentSchema.field;
const VALUE = EnvironmentValueSchema.field;
/** The field numbers of a map's entry, in every map. */
const ENTRY = { key: 1, value: 2 } as const;

/**
 * Reads the answer straight into layers. It is the largest message of a run, and the way over the generated messages,
 * which nothing here would keep, takes three times as long. What it reads is what they read: the specification holds
 * one against the other.
 */
export function readOpened(bytes: Uint8Array, readEnvironment: ReadLayer = readLayer): Opened {
  const reader = new BinaryReader(bytes);
  const layers: OpenedLayer[] = [];
  const missing: ApiResourceReference[] = [];
  const importProblems: ImportProblem[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === OPENED.environments.number) layers.push(readEnvironment(reader.bytes()));
    else if (field === OPENED.missing.number)
      missing.push(fromBinary(ApiResourceReferenceSchema, reader.bytes()));
    else if (field === OPENED.importProblems.number)
      importProblems.push(fromBinary(ImportProblemSchema, reader.bytes()));
    else reader.skip(wireType, field);
  }
  return { layers, missing, importProblems };
}

/** Reads one environment. */
export function readLayer(bytes: Uint8Array): OpenedLayer {
  const reader = new BinaryReader(bytes);
  const names = { id: '', slug: '', revision: '', org: '' };
  const via: string[] = [];
  const entries = new Map<string, LayerEntry>();
  const secretBytes = new Map<string, number>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === ENVIRONMENT.data.number) readEntry(reader, entries);
    else if (field === ENVIRONMENT.secretBytes.number) readSecretBytes(reader, secretBytes);
    else if (field === ENVIRONMENT.id.number) names.id = reader.string(true);
    else if (field === ENVIRONMENT.slug.number) names.slug = reader.string(true);
    else if (field === ENVIRONMENT.org.number) names.org = reader.string(true);
    else if (field === ENVIRONMENT.revision.number) names.revision = reader.string(true);
    else if (field === ENVIRONMENT.via.number) via.push(reader.string(true));
    else reader.skip(wireType, field);
  }
  const { org, ...named } = names;
  return { source: { kind: 'environment', ...named, via }, org, entries, secretBytes };
}

function readEntry(reader: BinaryReader, into: Map<string, LayerEntry>): void {
  const end = reader.uint32() + reader.pos;
  let name = '';
  let entry = EMPTY;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === ENTRY.key) name = reader.string(true);
    else if (field === ENTRY.value) entry = readValue(reader);
    else reader.skip(wireType, field);
  }
  into.set(name, entry);
}

function readValue(reader: BinaryReader): LayerEntry {
  const end = reader.uint32() + reader.pos;
  const entry: { -readonly [K in keyof LayerEntry]: LayerEntry[K] } = { ...EMPTY };
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === VALUE.value.number) entry.text = reader.string(true);
    else if (field === VALUE.isSecret.number) entry.secret = reader.bool();
    else if (field === VALUE.description.number) entry.description = reader.string(true);
    else if (field === VALUE.final.number) entry.final = reader.bool();
    else if (field === VALUE.expiresAt.number)
      entry.expiresAt = timestampMs(fromBinary(TimestampSchema, reader.bytes()));
    // `optional` belongs to a declaration: it has no meaning for a value that an environment holds.
    else reader.skip(wireType, field);
  }
  return entry;
}

const EMPTY: LayerEntry = {
  text: '',
  secret: false,
  optional: undefined,
  description: '',
  final: false,
  expiresAt: undefined,
};

function readSecretBytes(reader: BinaryReader, into: Map<string, number>): void {
  const end = reader.uint32() + reader.pos;
  let name = '';
  let length = 0;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === ENTRY.key) name = reader.string(true);
    else if (field === ENTRY.value && wireType === WireType.Varint) length = reader.uint32();
    else reader.skip(wireType, field);
  }
  into.set(name, length);
}
