import { withServer } from '../client';
import type { Context } from '../context';
import { parseVersioned } from '../environment/reference';
import { printable } from '../io';
import { print } from '../output/print';
import { UsageError } from '../usage-error';
import { resourceJson } from './json';
import { operationsOf } from './operations';
import { resolveKind } from './resolve-kind';

/** Shows one resource; for people too as YAML, since that is what they would write. */
export async function get(context: Context, kindName: string, ref: string): Promise<void> {
  const kind = resolveKind(kindName);
  const { name, version } = parseVersioned(ref);
  const resource = await withServer(context, (server) => {
    const { get: getCurrent, getVersion } = operationsOf(kind, server);
    if (version === '') return getCurrent(name);
    if (getVersion === undefined)
      throw new UsageError(`only environments have versions, no ${kind.word} has`);
    return getVersion(name, version);
  });
  const { stringify } = await import('yaml');
  const json = resourceJson(resource);
  await print(context, json, () => printable(stringify(json, { lineWidth: 0 })));
}
