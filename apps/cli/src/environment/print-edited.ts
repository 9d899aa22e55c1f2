import type { Context } from '../context';
import { printable } from '../io';
import { print } from '../output/print';
import { resourceJson } from '../resources/json';
import type { Edited } from './edit';

/** Answers a write: the environment as it is now, and for people whether anything changed. */
export async function printEdited(context: Context, edited: Edited): Promise<void> {
  await print(context, resourceJson(edited.after), () => printable(sentenceOf(edited)));
}

function sentenceOf({ before, after }: Edited): string {
  const { slug = '', version } = after.metadata ?? {};
  if (before === undefined) return `Environment ${slug} created, version ${version?.id ?? ''}`;
  return before.metadata?.version?.id === version?.id
    ? `Environment ${slug} unchanged`
    : `Environment ${slug} changed, now version ${version?.id ?? ''}`;
}
