import { toJson } from '@bufbuild/protobuf';
import {
  EnvironmentRevisionSchema,
  type EnvironmentRevision,
} from '@stigmer/proto/agentic/environment/v1/io';
import { withServer } from '../client';
import type { Context } from '../context';
import { note, print } from '../output/print';
import { table } from '../output/table';
import type { ListRequest } from '../resources/list';
import { shortened } from '../runs/shortened';
import { idOf } from './id-of';
import { timeOf } from '../time';

/** Shows the versions of one environment, the newest first. */
export async function history(context: Context, name: string, request: ListRequest): Promise<void> {
  const { items, next } = await withServer(context, async (server) => {
    const { id } = await idOf(server, name);
    const found: EnvironmentRevision[] = [];
    let pageToken = request.pageToken;
    do {
      const { pageSize } = request;
      const page = await server.environments.history({ environmentId: id, pageSize, pageToken });
      found.push(...page.items);
      pageToken = page.nextPageToken;
    } while (request.all && pageToken !== '');
    return { items: found, next: pageToken };
  });
  const data = { items: items.map(revisionJson), ...(next !== '' && { next_page_token: next }) };
  await print(context, data, () => renderHistory(items));
  if (next !== '' && context.format === 'table')
    note(context, `there are more: --page-token ${next}, or --all`);
}

export function revisionJson(revision: EnvironmentRevision) {
  return toJson(EnvironmentRevisionSchema, revision, { useProtoFieldName: true });
}

export function renderHistory(revisions: readonly EnvironmentRevision[]): string {
  if (revisions.length === 0) return 'no versions';
  return table(
    ['VERSION', 'WHEN', 'AUTHOR', 'TAGS', 'CHANGES', 'MESSAGE', 'ID'],
    revisions.map((revision) => [
      `${revision.number}${revision.current ? ' *' : ''}`,
      timeOf(revision.at),
      revision.author,
      revision.tags.join(', '),
      changesOf(revision),
      shortened(revision.message),
      revision.id,
    ]),
  );
}

function changesOf({ added, changed, removed }: EnvironmentRevision): string {
  const marked = [
    ...added.map((name) => `+${name}`),
    ...changed.map((name) => `~${name}`),
    ...removed.map((name) => `-${name}`),
  ];
  // Then it is the imports, the labels or the description.
  return marked.length === 0 ? 'no variable' : shortened(marked.join(' '));
}
