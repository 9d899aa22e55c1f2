import { stringify } from 'yaml';
import type { FileContent, FileVariable } from './format';
import { readMapping, readValues } from './mapping';
import { omittedComment } from './omitted';

/** Reads a flat mapping in YAML, or in JSON, which is a part of it. */
export function readFlat(file: string, text: string): readonly FileVariable[] {
  return readMapping(file, text, (root, reader, at) =>
    readValues(root, '', reader, at, { declaredSecret: false }),
  );
}

export function writeJson({ variables }: FileContent): string {
  return `${JSON.stringify(Object.fromEntries(variables), null, 2)}\n`;
}

export function writeYaml({ variables, omitted }: FileContent): string {
  const comment = omittedComment(omitted).map((line) => `${line}\n`);
  return [...comment, toYaml(Object.fromEntries(variables))].join('');
}

/** YAML in which every text comes back as it was: those with a line break or a rare character in double quotes. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, blockQuote: false });
}
