import { isMessage, type JsonObject } from '@bufbuild/protobuf';
import type { VariableProvenance } from '@stigmer/proto/agentic/resolver/v1/io';
import { AgentExecutionSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { withServer } from '../client';
import type { Context } from '../context';
import { parseVersioned } from '../environment/reference';
import { renderProvenance } from '../explain/render-provenance';
import { printable } from '../io';
import { print } from '../output/print';
import { UsageError } from '../usage-error';
import { resourceJson } from './json';
import type { Resource } from './kinds';
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
  await print(context, json, () => {
    const provenance = provenanceOf(resource);
    if (provenance === undefined) return printable(stringify(json, { lineWidth: 0 }));
    const text = printable(stringify(withoutProvenance(json), { lineWidth: 0 }));
    return `${text}\nWhere its variables came from:\n${renderProvenance(provenance)}`;
  });
}

function provenanceOf(resource: Resource): Readonly<Record<string, VariableProvenance>> | undefined {
  if (!isMessage(resource, AgentExecutionSchema) && !isMessage(resource, WorkflowExecutionSchema))
    return undefined;
  const { provenance = {} } = resource.status ?? {};
  return Object.keys(provenance).length === 0 ? undefined : provenance;
}

/** A run's variables are many: for people they are a table. */
function withoutProvenance({ status, ...json }: JsonObject): JsonObject {
  if (typeof status !== 'object' || status === null || Array.isArray(status)) return json;
  const shown = Object.entries(status).filter(([name]) => name !== 'provenance');
  return { ...json, status: Object.fromEntries(shown) };
}
