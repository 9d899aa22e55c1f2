import type { EnvironmentRevision } from '@stigmer/proto/agentic/environment/v1/io';
import { withServer } from '../client';
import type { Context } from '../context';
import { printable } from '../io';
import { print } from '../output/print';
import { reference } from '../resources/reference';
import { revisionJson } from './history';
import { idOf } from './id-of';
import { printEdited } from './print-edited';

/** Writes an earlier version's content anew. */
export async function rollback(
  context: Context,
  name: string,
  version: string,
  message: string,
): Promise<void> {
  const edited = await withServer(context, async ({ environments, org }) => {
    const before = await environments.getByReference(reference(org, 'Environment', name));
    const environmentId = before.metadata?.id ?? name;
    return { before, after: await environments.rollback({ environmentId, version, message }) };
  });
  await printEdited(context, edited);
}

/** Makes or moves a tag; without a version it points to the current one. */
export async function tag(context: Context, name: string, tagName: string, version: string): Promise<void> {
  const tagged = await withServer(context, async (server) => {
    const { id, slug } = await idOf(server, name);
    return { slug, revision: await server.environments.tag({ environmentId: id, tag: tagName, version }) };
  });
  await printRevision(context, tagged.revision, `${tagName} is ${place(tagged)}`);
}

/** Takes a tag away. */
export async function untag(context: Context, name: string, tagName: string): Promise<void> {
  const untagged = await withServer(context, async (server) => {
    const { id, slug } = await idOf(server, name);
    return { slug, revision: await server.environments.untag({ environmentId: id, tag: tagName }) };
  });
  await printRevision(context, untagged.revision, `${tagName} is no tag of ${place(untagged)} any more`);
}

/** Forgets all versions but the newest, those with a tag and the current one. */
export async function prune(context: Context, name: string, keep: number): Promise<void> {
  const { slug, removed } = await withServer(context, async (server) => {
    const environment = await idOf(server, name);
    const pruned = await server.environments.prune({ environmentId: environment.id, keep });
    return { slug: environment.slug, removed: pruned.removed };
  });
  await print(context, { removed }, () =>
    printable(`Environment ${slug}: ${removed} ${removed === 1 ? 'version' : 'versions'} forgotten`),
  );
}

function place({
  slug,
  revision,
}: {
  readonly slug: string;
  readonly revision: EnvironmentRevision;
}): string {
  return `version ${revision.number} of environment ${slug}`;
}

async function printRevision(
  context: Context,
  revision: EnvironmentRevision,
  sentence: string,
): Promise<void> {
  await print(context, revisionJson(revision), () => printable(sentence));
}
