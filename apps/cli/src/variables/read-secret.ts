import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Context } from '../context';
import type { Io } from '../io';
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
      return withoutLineBreak(await readStdin(context.io));
    case 'prompt': {
      const answer = await promptHidden(context.io, `Value of ${name} (hidden): `);
      if (answer === '') throw new UsageError(`no value was given for ${name}`);
      return answer;
    }
  }
}

/** A file of text. Other bytes are refused: read as text, they would come out as something else, and nobody would know. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new UsageError(`cannot read ${path}: ${reason(error)}`);
  });
  return textOf(bytes, path);
}

export async function readStdin({ stdin }: Io): Promise<string> {
  return textOf(await buffer(stdin), 'the standard input');
}

function textOf(bytes: Buffer, origin: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(`${origin} is no text in UTF-8`, 'store what is binary in base64');
  }
}

/** Editors end a file with a line break that is no part of the secret; one is dropped, and no more. */
function withoutLineBreak(content: string): string {
  return content.replace(/\r?\n$/, '');
}
