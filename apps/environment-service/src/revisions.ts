import type { KeyRingHolder } from '@stigmer/crypto';
import { aborted, invalidArguments, notFound } from '@stigmer/domain';
import type { Caller, Logger } from '@stigmer/service';
import type { EnvironmentDocument } from './environment-document';
import { type Author, checkMessage } from './environment-edit';
import { rolledBack } from './environment-rollback';
import type { EnvironmentWriter } from './environment-writer';
import type { EnvironmentStore } from './environments.store';
import { secretsSince } from './matched-secrets';
import { readPaging, tokenAfter } from './paging';
import type { Pins } from './pins';
import { type RevisionSummary, summaryOf } from './revision-document';
import type { RevisionStore } from './revisions.store';
import { checkTag } from './tags';
import type { Versions } from './versions';

export interface RevisionsOptions {
  readonly store: EnvironmentStore;
  readonly revisions: RevisionStore;
  readonly versions: Versions;
  readonly pins: Pins;
  readonly writer: EnvironmentWriter;
  readonly keys: KeyRingHolder;
  readonly log: Logger;
}

/** A version, and the environment that it is one of. */
export interface Revision {
  readonly summary: RevisionSummary;
  readonly document: EnvironmentDocument;
}

export interface HistoryPage {
  readonly items: readonly RevisionSummary[];
  readonly document: EnvironmentDocument;
  readonly nextToken: string;
}

const ATTEMPTS = 10;
const EVERY = Number.MAX_SAFE_INTEGER;

/** The versions of environments: which there are, what they are called, back to one, and away with old ones. */
export class Revisions {
  constructor(private readonly options: RevisionsOptions) {}

  /** The newest first; the current version begins the first page. */
  async history(id: string, pageSize: number, pageToken: string): Promise<HistoryPage> {
    const { size, after } = readPaging(pageSize, pageToken);
    const below = after === '' ? EVERY : numberOf(after);
    const document = await this.get(id);
    const { lineage, version } = document;
    const current = version.number < below ? [summaryOf(document)] : [];
    // An interrupted write may have left the current version among the earlier ones too.
    const page = await this.options.revisions.page(
      lineage,
      Math.min(below, version.number),
      size - current.length,
    );
    const items = [...current, ...page.items];
    const last = page.more ? items.at(-1)?.version.number : undefined;
    return { items, document, nextToken: last === undefined ? '' : tokenAfter(String(last)) };
  }

  /** Writes what an earlier version held as the newest one. Name and slug stay: they say which environment it is. */
  async rollback(id: string, version: string, why: string, caller: Caller): Promise<EnvironmentDocument> {
    const { keys, writer } = this.options;
    const message = checkMessage(why, 'message');
    let earlier: EnvironmentDocument | undefined;
    const make = async (existing: EnvironmentDocument, author: Author) => {
      earlier = await this.at(existing, version);
      return rolledBack(keys.current, existing, earlier, message, author);
    };
    const compared = (existing: EnvironmentDocument) => (earlier ? secretsSince(earlier, existing) : []);
    return writer.change({ find: () => this.get(id), make, compared }, caller);
  }

  /** Makes the tag, or moves it to this version. */
  async tag(id: string, tag: string, version: string, caller: Caller): Promise<Revision> {
    const { store, revisions, log } = this.options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const document = await this.get(id);
      checkTag(tag, document.revision_tags);
      const tagged = await this.at(document, version);
      const { id: to } = tagged.version;
      const kept = to === document.version.id || (await revisions.hold(to));
      if (!kept) throw absentVersion(document, version);
      if (await store.setTag(document, tag, to)) {
        log.info({ environment: id, actor: caller.actor, tag, version: to }, 'version tagged');
        const revision_tags = new Map([...document.revision_tags, [tag, to]]);
        return { summary: summaryOf(tagged), document: { ...document, revision_tags } };
      }
    }
    throw aborted('the environment was changed by others at the same time: try again');
  }

  /** Takes the tag away, and answers the version that had it. */
  async untag(id: string, tag: string, caller: Caller): Promise<Revision> {
    const { store, log } = this.options;
    const document = await this.get(id);
    const tagged = await this.at(document, document.revision_tags.get(tag) ?? absentTag(document, tag));
    if (!(await store.removeTag(document, tag))) absentTag(document, tag);
    log.info({ environment: id, actor: caller.actor, tag }, 'tag removed');
    const revision_tags = new Map([...document.revision_tags].filter(([name]) => name !== tag));
    return { summary: summaryOf(tagged), document: { ...document, revision_tags } };
  }

  /** Forgets all versions but so many of the newest, and those that something names; how many they were. */
  async prune(id: string, keep: number, caller: Caller): Promise<number> {
    const { revisions, pins, log } = this.options;
    const document = await this.get(id);
    const { lineage, version } = document;
    const removed = await revisions.prune(lineage, version.number - keep, await pins.of(document));
    log.info({ environment: id, actor: caller.actor, keep, removed }, 'revisions pruned');
    return removed;
  }

  private async get(id: string): Promise<EnvironmentDocument> {
    const found = await this.options.store.findById(id);
    if (found === undefined) throw notFound('Environment', id);
    return found;
  }

  private async at(document: EnvironmentDocument, version: string): Promise<EnvironmentDocument> {
    const found = await this.options.versions.find(document, version);
    if (found === undefined) throw absentVersion(document, version);
    return found;
  }
}

function absentVersion({ slug }: EnvironmentDocument, version: string) {
  return notFound('Version', `${version} of the environment ${slug}`);
}

function absentTag({ slug }: EnvironmentDocument, tag: string): never {
  throw notFound('Tag', `${tag} of the environment ${slug}`);
}

function numberOf(token: string): number {
  if (/^[1-9]\d{0,8}$/.test(token)) return Number(token);
  throw invalidArguments([{ field: 'page_token', description: 'is not a token of this list' }]);
}
