import type { EnvironmentRevision } from '@stigmer/proto/agentic/environment/v1/io';
import type { TestService } from './environment-service';
import { environment, idOf, orgOf, raw } from './environments';

type Client = ReturnType<TestService['as']>;

/** An environment whose secret COUNTER was 1, 2, … in its versions. */
export interface Counted {
  readonly id: string;
  readonly org: string;
}

export async function counted(client: Client, versions: number): Promise<Counted> {
  const made = await client.commands.create(environment({ COUNTER: { value: '1', isSecret: true } }));
  for (let i = 2; i <= versions; i++) await count(client, idOf(made), i);
  return { id: idOf(made), org: orgOf(made) };
}

/** Writes COUNTER. */
export async function count(client: Client, id: string, value: number) {
  const variables = { COUNTER: { value: String(value), isSecret: true } };
  return client.commands.updateVariables({ environmentId: id, variables });
}

/** What COUNTER is at a version. */
export async function counterAt(
  resolver: Client,
  { id, org }: Counted,
  version: string,
): Promise<string | undefined> {
  const { environments } = await resolver.vault.open({ org, references: [{ slug: id, version }] });
  return environments[0]?.data['COUNTER']?.value;
}

/** The whole history, page by page. */
export async function historyOf(
  client: Client,
  id: string,
  pageSize = 0,
): Promise<readonly EnvironmentRevision[]> {
  const items: EnvironmentRevision[] = [];
  let pageToken = '';
  do {
    const page = await client.queries.history({ environmentId: id, pageSize, pageToken });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return items;
}

export interface RawVersion {
  readonly data: Record<string, { readonly value: string }>;
}

/** All versions as they lie in the database, the oldest first. */
export async function rawVersions(mongoUrl: string, id: string): Promise<readonly RawVersion[]> {
  return raw(mongoUrl, async (db) => {
    const current = await db.collection<RawVersion & { _id: string }>('environments').findOne({ _id: id });
    const lineage = (current as { lineage?: string } | null)?.lineage;
    const earlier = db.collection<RawVersion>('revisions').find({ lineage }).sort({ 'version.number': 1 });
    return [...(await earlier.toArray()), ...(current === null ? [] : [current])];
  });
}
