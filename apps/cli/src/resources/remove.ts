import { withServer } from '../client';
import type { Context } from '../context';
import { printable } from '../io';
import { print } from '../output/print';
import { UsageError } from '../usage-error';
import { resourceJson } from './json';
import { operationsOf } from './operations';
import { resolveKind } from './resolve-kind';

/** Deletes one resource: found by its reference first, since a delete takes an id. */
export async function remove(context: Context, kindName: string, ref: string, force: boolean): Promise<void> {
  const kind = resolveKind(kindName);
  const deleted = await withServer(context, async (server) => {
    const operations = operationsOf(kind, server);
    if (force && !operations.forceDelete)
      throw new UsageError(`--force is for environments; a ${kind.word} needs none`);
    const { metadata } = await operations.get(ref);
    const id = metadata?.id ?? ref;
    return force && operations.forceDelete ? operations.forceDelete(id) : operations.delete(id);
  });
  const { name = '', id = '' } = deleted.metadata ?? {};
  await print(context, resourceJson(deleted), () => printable(`${kind.name} ${name || id} deleted`));
}
