import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { loadProgram } from '@stigmer/sdk';
import type { Context } from '../context';
import { UsageError } from '../usage-error';
import { canPrompt, promptHidden } from '../variables/prompt';
import { KINDS, type ApplicableKind } from '../resources/kinds';
import type { Manifest } from './read-resource';

/** Runs a program that declares resources in code. Node strips the types of a .ts file itself. */
export async function runProgram(
  { io, org }: Context,
  path: string,
  config: ReadonlyMap<string, string>,
): Promise<readonly Manifest[]> {
  lendSdk();
  const program = await loadProgram(path);
  const prompt = (question: string): Promise<string> => {
    if (!canPrompt(io)) throw new UsageError(`${path} asks for a secret, and there is no terminal to ask on`);
    return promptHidden(io, question);
  };
  const resources = await program.collect({ org, config, prompt });
  return resources.map((resource): Manifest => {
    const kind = KINDS.find(
      (candidate): candidate is ApplicableKind => candidate.schema.typeName === resource.$typeName,
    );
    if (!kind) throw new Error(`a program declared a ${resource.$typeName}`);
    // A program has no text to point at: line 0 stands for the file as a whole.
    return { file: path, position: { line: 0, column: 0 }, kind, resource, positions: new Map() };
  });
}

/**
 * Lets a program that lies outside of any project import `@stigmer/sdk`: where it has none installed, it gets the one
 * that came with this command. One that is installed wins.
 */
function lendSdk(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier !== SDK) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return next(specifier, { ...context, parentURL: pathToFileURL(__filename).href });
      }
    },
  });
}

const SDK = '@stigmer/sdk';
