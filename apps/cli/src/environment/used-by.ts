import { toJson } from '@bufbuild/protobuf';
import {
  EnvironmentExecutionUseSchema,
  EnvironmentImporterSchema,
  EnvironmentInstanceUseSchema,
  type EnvironmentExecutionUse,
  type EnvironmentImporter,
  type EnvironmentInstanceUse,
} from '@stigmer/proto/agentic/environment/v1/io';
import type { Stigmer } from '@stigmer/sdk';
import { withServer } from '../client';
import type { Context } from '../context';
import { note, print } from '../output/print';
import { table } from '../output/table';
import type { ListRequest } from '../resources/list';
import { idOf } from './id-of';
import { timeOf } from '../time';

export interface UsedByRequest extends ListRequest {
  /** Only runs that got this variable; empty: any. */
  readonly key: string;
  /** Runs that have ended too. */
  readonly ended: boolean;
}

export interface Use {
  readonly importers: readonly EnvironmentImporter[];
  readonly instances: readonly EnvironmentInstanceUse[];
  readonly executions: readonly EnvironmentExecutionUse[];
}

/** Shows who imports an environment, who refers to it, and which runs got which version of which of its variables. */
export async function usedBy(context: Context, name: string, request: UsedByRequest): Promise<void> {
  const { use, next } = await withServer(context, (server) => ask(server, name, request));
  const data = { ...useJson(use), ...(next !== '' && { next_page_token: next }) };
  await print(context, data, () => renderUse(use));
  if (next !== '' && context.format === 'table')
    note(context, `there are more runs: --page-token ${next}, or --all`);
}

async function ask(
  server: Stigmer,
  name: string,
  { key, ended, all, pageSize, pageToken }: UsedByRequest,
): Promise<{ readonly use: Use; readonly next: string }> {
  const { environments, org } = server;
  const { id, slug } = await idOf(server, name);
  const importers = pageToken === '' ? (await environments.importers({ value: id })).items : [];
  const instances: EnvironmentInstanceUse[] = [];
  const executions: EnvironmentExecutionUse[] = [];
  let next = pageToken;
  do {
    const question = { org, environmentId: id, slug, key, ended, pageSize, pageToken: next };
    const page = await environments.usedBy(question);
    instances.push(...page.instances);
    executions.push(...page.executions);
    next = page.nextPageToken;
  } while (all && next !== '');
  return { use: { importers, instances, executions }, next };
}

function useJson({ importers, instances, executions }: Use) {
  const options = { useProtoFieldName: true };
  return {
    importers: importers.map((one) => toJson(EnvironmentImporterSchema, one, options)),
    instances: instances.map((one) => toJson(EnvironmentInstanceUseSchema, one, options)),
    executions: executions.map((one) => toJson(EnvironmentExecutionUseSchema, one, options)),
  };
}

export function renderUse({ importers, instances, executions }: Use): string {
  const referring = [
    ...importers.map(({ id, slug, version }) => ['Environment', slug, version || 'current', id]),
    ...instances.map(({ kind, id, slug, version }) => [kind, slug, version || 'current', id]),
  ];
  const runs = executions.map((run) => [
    run.kind,
    run.id,
    run.open ? 'under way' : 'ended',
    timeOf(run.createdAt),
    run.revision,
    run.keys.join(' '),
  ]);
  const parts = [
    ...(referring.length === 0 ? [] : [table(['KIND', 'NAME', 'VERSION', 'ID'], referring)]),
    ...(runs.length === 0 ? [] : [table(['RUN', 'ID', 'STATE', 'STARTED', 'GOT', 'VARIABLES'], runs)]),
  ];
  return parts.length === 0 ? 'nobody uses it' : parts.join('\n\n');
}
