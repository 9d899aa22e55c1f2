import { withServer } from '../client';
import type { Context } from '../context';
import { note, print } from '../output/print';
import { UsageError } from '../usage-error';
import { columnsOf } from './columns';
import { resourceJson } from './json';
import type { Resource } from './kinds';
import { operationsOf, type Operations } from './operations';
import { resolveKind } from './resolve-kind';

export interface ListRequest {
  readonly all: boolean;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Lists one page, or all of them. */
export async function list(context: Context, kindName: string, request: ListRequest): Promise<void> {
  const kind = resolveKind(kindName);
  const { items, nextPageToken } = await withServer(context, (server) => {
    const pages = operationsOf(kind, server).list;
    if (!pages) throw new UsageError(`${kind.word}s cannot be listed`);
    return readPages(pages, request);
  });
  const data = {
    items: items.map(resourceJson),
    ...(nextPageToken !== '' && { next_page_token: nextPageToken }),
  };
  await print(context, data, () => (items.length === 0 ? `no ${kind.word}s` : columnsOf(kind, items)));
  if (nextPageToken !== '' && context.format === 'table') {
    note(context, `there are more: --page-token ${nextPageToken}, or --all`);
  }
}

async function readPages(read: NonNullable<Operations['list']>, { all, pageSize, pageToken }: ListRequest) {
  const items: Resource[] = [];
  let next = pageToken;
  do {
    const page = await read({ pageSize, pageToken: next });
    items.push(...page.items);
    next = page.nextPageToken;
  } while (all && next !== '');
  return { items, nextPageToken: next };
}
