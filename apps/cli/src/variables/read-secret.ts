import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Context } from '../context';
import { reason } from '../manifest/sources';
import { UsageError } from '../usage-error';
import type { SecretAssignment } from './assignments';
import { promptHidden } from './prompt';

/** Where a secret may come from without passing the command line. */
export type HiddenSource = Exclude<SecretAssignment['from'], { readonly kind: 'argument' }>;

/** Reads or asks for the value of one secret. */
export async function readSecret(context: Context, name: string, from: HiddenSource): Promise<string> {
  switch (from.kind) {
    case 'file':
      return withoutLineBreak(await readText(from.path));
    case 'stdin':
      return withoutLineBreak(await text(context.io.stdin));
    case 'prompt': {
      const answer = await promptHidden(context.io, `Value of ${name} (hidden): `);
      if (answer === '') throw new UsageError(`no value was given for ${name}`);
      return answer;
    }
  }
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${reason(error)}`);
  }
}

/** Editors end a file with a line break that is no part of the secret; one is dropped, and no more. */
function withoutLineBreak(content: string): string {
  return content.replace(/\r?\n$/, '');
}
