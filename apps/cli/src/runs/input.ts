import type { JsonValue } from '@bufbuild/protobuf';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { formatProblem } from '../manifest/problem';
import { reason } from '../manifest/sources';
import { parseYaml } from '../manifest/yaml-documents';
import { UsageError } from '../usage-error';

/** `--input`: JSON as it stands, the name of a JSON or YAML file, or - for the standard input. */
export async function readInput(input: string, stdin: Readable): Promise<JsonValue> {
  if (input === '-') return parseText('the standard input', await text(stdin));
  const json = parseJson(input);
  if (json !== undefined) return json;
  // Text that begins like JSON was meant to be JSON: "no such file" would send its author looking for a file.
  if (/^\s*[[{"]/.test(input)) throw new UsageError('--input is not valid JSON');
  return parseText(input, await read(input));
}

function parseText(name: string, content: string): JsonValue {
  const json = parseJson(content);
  if (json !== undefined) return json;
  const { documents, problems } = parseYaml(name, content);
  if (problems[0]) throw new UsageError(formatProblem(problems[0]));
  const [only, second] = documents;
  if (!only || second) throw new UsageError(`${name} has to hold one value`);
  return only.document.toJS({ maxAliasCount: 100 }) as JsonValue;
}

function parseJson(content: string): JsonValue | undefined {
  try {
    return JSON.parse(content) as JsonValue;
  } catch {
    return undefined;
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--input is neither JSON nor a file that can be read: ${reason(error)}`);
  }
}
