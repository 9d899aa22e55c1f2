import { withServer } from '../client';
import type { Context } from '../context';
import { printable } from '../io';
import { print } from '../output/print';
import { resourceJson } from './json';
import { operationsOf } from './operations';
import { resolveKind } from './resolve-kind';

/** Shows one resource; for people too as YAML, since that is what they would write. */
export async function get(context: Context, kindName: string, ref: string): Promise<void> {
  const kind = resolveKind(kindName);
  const resource = await withServer(context, (server) => operationsOf(kind, server).get(ref));
  const { stringify } = await import('yaml');
  const json = resourceJson(resource);
  await print(context, json, () => printable(stringify(json, { lineWidth: 0 })));
}
