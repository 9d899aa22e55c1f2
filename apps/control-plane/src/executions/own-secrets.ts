import { type DescField, type DescMessage, type JsonValue, toJson } from '@bufbuild/protobuf';
import { createMasker, invalidArguments, isWeakSecret, quoteName, type Violation } from '@stigmer/domain';
import type { Kind } from '../resources/kind';
import type { Execution } from './execution-kind';
import { redacted } from './run-request';

/** How many faults are looked for: nobody reads more, and each costs some passes over the secrets. */
const MOST = 20;

/** A place of a request that is stored as it is, and the texts that stand there. */
interface Place {
  readonly field: string;
  readonly texts: readonly string[];
}

type NamedSecret = readonly [name: string, value: string];

/**
 * INVALID_ARGUMENT where a request repeats the value of one of its own secrets, in any encoding, in a field that is
 * stored and shown as it is. A weak secret is let through: it stands in harmless texts as well. What only an
 * environment holds cannot be found here: the control-plane never sees it.
 */
export function refuseOwnSecrets<E extends Execution>(
  kind: Kind<E>,
  request: E,
  isSecret: (name: string) => boolean,
): void {
  const secrets = Object.entries(request.spec?.runtimeEnv ?? {})
    .filter(([name, { value, isSecret: marked }]) => (marked || isSecret(name)) && !isWeakSecret(value))
    .map(([name, { value }]): NamedSecret => [name, value]);
  if (secrets.length === 0) return;
  const all = createMasker(secrets.map(([, value]) => value));
  const violations: Violation[] = [];
  for (const { field, texts } of placesOf(kind, redacted(kind, request, isSecret), all.text)) {
    const found = texts.filter((text) => all.text(text) !== text);
    for (const name of namesIn(found, secrets)) {
      violations.push({
        field,
        description: `contains the value of the secret ${name}; name the variable instead`,
      });
    }
    if (violations.length >= MOST) break;
  }
  if (violations.length > 0) throw invalidArguments(violations);
}

/** Whose values stand in the texts: halved until one is left, since there may be thousands of secrets. */
function namesIn(texts: readonly string[], secrets: readonly NamedSecret[]): readonly string[] {
  if (texts.length === 0) return [];
  const { text } = createMasker(secrets.map(([, value]) => value));
  const found = texts.filter((one) => text(one) !== one);
  if (found.length === 0) return [];
  if (secrets.length === 1) return secrets.map(([name]) => name);
  const half = Math.ceil(secrets.length / 2);
  return [...namesIn(found, secrets.slice(0, half)), ...namesIn(found, secrets.slice(half))];
}

/** Metadata and spec: the status is the server's own. */
function* placesOf<E extends Execution>(
  { schema }: Kind<E>,
  execution: E,
  mask: (text: string) => string,
): Iterable<Place> {
  const json = toJson(schema, execution, { useProtoFieldName: true });
  for (const name of ['metadata', 'spec']) {
    const field = schema.fields.find((one) => one.name === name);
    if (field?.message !== undefined) yield* placesIn(field.message, property(json, name), name, mask);
  }
}

/** A field each; a map's keys are one place, and each of its values another. */
function* placesIn(
  { fields }: DescMessage,
  json: JsonValue | undefined,
  path: string,
  mask: (text: string) => string,
): Iterable<Place> {
  for (const field of fields) {
    const value = property(json, field.name);
    const at = `${path}.${field.name}`;
    if (value === undefined) continue;
    if (field.fieldKind === 'map') yield* entriesOf(value, at, mask);
    else if (isOurs(field)) yield* placesIn(field.message, value, at, mask);
    else yield { field: at, texts: [...textsOf(value)] };
  }
}

/** The path of an entry names its key, except where that holds a secret itself. */
function* entriesOf(map: JsonValue, path: string, mask: (text: string) => string): Iterable<Place> {
  const entries = Object.entries(typeof map === 'object' && map !== null ? map : {});
  yield { field: path, texts: entries.map(([key]) => key) };
  for (const [key, value] of entries) {
    const field = mask(key) === key ? `${path}[${quoteName(key)}]` : path;
    yield { field, texts: [...textsOf(value)] };
  }
}

/** A single message of the contract; free-form JSON is one place. */
function isOurs(field: DescField): field is DescField & { fieldKind: 'message' } {
  return field.fieldKind === 'message' && !field.message.typeName.startsWith('google.protobuf.');
}

function* textsOf(json: JsonValue): Iterable<string> {
  if (typeof json === 'string') yield json;
  if (typeof json !== 'object' || json === null) return;
  if (!Array.isArray(json)) yield* Object.keys(json);
  for (const value of Object.values(json)) yield* textsOf(value);
}

function property(json: JsonValue | undefined, name: string): JsonValue | undefined {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? json[name] : undefined;
}
