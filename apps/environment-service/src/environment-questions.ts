import { type Answered, Batcher } from '@stigmer/mongo';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentHead } from './environment-head';
import type { EnvironmentReadStore, OrgSlug } from './environment-reads.store';

/** A clock that never goes back, in milliseconds. */
export type Clock = () => number;

/** A head is small. A document may be as large as 8 MiB, and is mostly a few thousand bytes. */
const HEADS_AT_ONCE = 500;
const DOCUMENTS_AT_ONCE = 50;

/** What a slug means in its organization. */
export interface BySlug {
  readonly askedAt: number;
  get(name: OrgSlug): EnvironmentDocument | undefined;
}

/** The questions of all requests to the database, those of the same time put together. */
export class EnvironmentQuestions {
  private readonly allHeads: Batcher<EnvironmentHead>;
  private readonly ids: Batcher<EnvironmentDocument>;
  private readonly slugs: Batcher<EnvironmentDocument>;

  constructor(store: Pick<EnvironmentReadStore, 'heads' | 'byIds' | 'bySlugs'>, now: Clock) {
    this.allHeads = new Batcher((keys) => store.heads(keys), now, HEADS_AT_ONCE);
    this.ids = new Batcher((keys) => store.byIds(keys), now, DOCUMENTS_AT_ONCE);
    this.slugs = new Batcher(
      async (keys) => {
        const found = await store.bySlugs(keys.map(nameOf));
        return new Map(found.map((document) => [keyOf(document), document]));
      },
      now,
      DOCUMENTS_AT_ONCE,
    );
  }

  heads(ids: readonly string[]): Promise<Answered<EnvironmentHead>> {
    return this.allHeads.load(ids);
  }

  byIds(ids: readonly string[]): Promise<Answered<EnvironmentDocument>> {
    return this.ids.load(ids);
  }

  async bySlugs(names: readonly OrgSlug[]): Promise<BySlug> {
    const { found, askedAt } = await this.slugs.load(names.map(keyOf));
    return { askedAt, get: (name) => found.get(keyOf(name)) };
  }
}

/** The organization's length first, so that no two names share a key. */
function keyOf({ org, slug }: OrgSlug): string {
  return `${org.length}:${org}${slug}`;
}

function nameOf(key: string): OrgSlug {
  const from = key.indexOf(':') + 1;
  const to = from + Number.parseInt(key, 10);
  return { org: key.slice(from, to), slug: key.slice(to) };
}
