/** What JSON can say: the only shape of data that an expression, a task and a Temporal payload know. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Whether a value is a JSON object: neither null nor a list. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The bytes a value takes as JSON text: what Temporal and the execution's status are charged. */
export function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** A copy with every string (keys left alone) replaced by what `change` makes of it. The path names the place, as in `headers.Accept`. */
export async function mapStrings(
  value: Json,
  path: string,
  change: (text: string, path: string) => Promise<Json>,
): Promise<Json> {
  if (typeof value === 'string') return change(value, path);
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const [index, item] of (value as readonly Json[]).entries()) {
      items.push(await mapStrings(item, `${path}[${index}]`, change));
    }
    return items;
  }
  if (!isJsonObject(value)) return value;
  const entries: [string, Json][] = [];
  for (const [key, item] of Object.entries(value)) {
    entries.push([key, await mapStrings(item, path === '' ? key : `${path}.${key}`, change)]);
  }
  return Object.fromEntries(entries); // defines own properties: a key called `__proto__` stays data
}
