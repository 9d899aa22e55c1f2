import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DescFile } from '@bufbuild/protobuf';
import type { FileFacts } from './describe-contract';

const PACKAGE = join(__dirname, '../..');

export interface WireContract {
  readonly idPrefixes: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, FileFacts>>;
}

/** The contract as clients know it. Changed by hand, and only where the contract is meant to change. */
export function readWireContract(): WireContract {
  return JSON.parse(readFileSync(join(PACKAGE, 'testdata/wire-contract.json'), 'utf8')) as WireContract;
}

/** The public files as they were compiled: all of them but our internal ones and Google's. */
export async function compiledFiles(): Promise<readonly DescFile[]> {
  const paths = globSync('src/gen/ai/stigmer/{agentic,commons}/**/*_pb.ts', { cwd: PACKAGE });
  const modules = await Promise.all(paths.map(async (path) => (await import(join(PACKAGE, path))) as object));
  return modules.flatMap((module) => Object.values(module).filter(isFile));
}

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
