import { basename, extname } from 'node:path';
import { UsageError } from '../../usage-error';

/** What files of variables may be written in. */
export const FILE_FORMATS = ['dotenv', 'json', 'yaml', 'kubernetes'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** One variable of a file, and where it stands. */
export interface FileVariable {
  readonly name: string;
  readonly value: string;
  /** Whether the file itself says that it is a secret; only a Kubernetes manifest does. */
  readonly declaredSecret: boolean;
  readonly line: number;
  readonly column: number;
}

/** What goes into a file: variables in the order of their names, and the names of secrets that do not. */
export interface FileContent {
  readonly slug: string;
  readonly variables: readonly (readonly [name: string, value: string])[];
  readonly omitted: readonly string[];
}

/** The format that the name of a file tells, or undefined. A manifest has the extension of any YAML or JSON. */
export function formatOfName(path: string): FileFormat | undefined {
  const name = basename(path);
  if (/^\.env($|\.)/.test(name)) return 'dotenv';
  switch (extname(name).toLowerCase()) {
    case '.env':
      return 'dotenv';
    case '.json':
      return 'json';
    case '.yaml':
    case '.yml':
      return 'yaml';
    default:
      return undefined;
  }
}

/** The format to read a file in. */
export function formatOf(path: string, given: FileFormat | undefined): FileFormat {
  const format = given ?? formatOfName(path);
  if (format !== undefined) return format;
  const what = path === '-' ? 'the standard input has no name' : `the name ${path} does not say its format`;
  throw new UsageError(what, `add --format ${FILE_FORMATS.join('|')}`);
}
