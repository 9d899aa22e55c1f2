import type { Context } from '../context';
import { identityOf } from './identity';
import { ManifestError, type Problem } from './problem';
import { readManifests, type Manifest } from './read-resource';
import { readSources, type Source } from './sources';

/** Reads every source and reports the problems of all of them together. */
export async function readAll(
  context: Context,
  paths: readonly string[],
  config: ReadonlyMap<string, string>,
): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  const problems: Problem[] = [];
  for (const source of await readSources(paths, context.io.stdin)) {
    try {
      manifests.push(...(await readSource(context, source, config)));
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      problems.push(...error.problems);
    }
  }
  problems.push(...duplicates(manifests));
  if (problems.length > 0) throw new ManifestError(problems);
  return manifests;
}

async function readSource(
  context: Context,
  source: Source,
  config: ReadonlyMap<string, string>,
): Promise<readonly Manifest[]> {
  if (source.kind === 'text') return readManifests(source.name, source.text, context.org);
  const { runProgram } = await import('./program.js');
  return runProgram(context, source.path, config);
}

/** Two descriptions of one resource: whichever was written last would silently win. */
function duplicates(manifests: readonly Manifest[]): readonly Problem[] {
  const seen = new Map<string, Manifest>();
  return manifests.flatMap((manifest) => {
    const { kind, slug } = identityOf(manifest);
    const key = `${kind} ${manifest.resource.metadata?.org ?? ''} ${slug}`;
    const first = seen.get(key);
    if (!first) {
      seen.set(key, manifest);
      return [];
    }
    const { file, position } = manifest;
    return [
      { file, ...position, message: `describes the same ${kind} as ${first.file}:${first.position.line}` },
    ];
  });
}
