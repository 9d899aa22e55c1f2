import type { OnModuleDestroy } from '@nestjs/common';
import { KINDS, referenceCandidates } from '@stigmer/domain';
import type { Answered } from '@stigmer/mongo';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { EnvironmentBus, type EnvironmentChange } from './environment-bus';
import { type CachedEnvironment, type CachedName, EnvironmentCache } from './environment-cache';
import type { EnvironmentDocument } from './environment-document';
import { type EnvironmentHead, sameHead } from './environment-head';
import { type Clock, EnvironmentQuestions } from './environment-questions';
import { EnvironmentReadStore } from './environment-reads.store';
import { flattenImports, type ImportReference } from './imports';
import { READ_AT_ONCE, type ReadingBudget } from './reading-budget';
import { pick } from './references';
import type { Versions } from './versions';

/** How old an answer may be that nobody checks. */
const MAX_AGE_MS = 2_000;
const LOG_EVERY_MS = 60_000;

export interface EnvironmentReaderOptions {
  readonly store: Pick<EnvironmentReadStore, 'heads' | 'byIds' | 'bySlugs'>;
  readonly cache: EnvironmentCache;
  readonly versions: Pick<Versions, 'findAll'>;
  /** None: the other replicas find out within two seconds. */
  readonly bus?: Pick<EnvironmentBus, 'announce' | 'close'>;
  readonly log: Logger;
  readonly now?: Clock;
}

/**
 * Reads environments through the cache. `since` is how recent an answer has to be: what is shown to people may be two
 * seconds old; what a run gets is confirmed by a question that was asked after the run came.
 */
export class EnvironmentReader implements OnModuleDestroy {
  private readonly questions: EnvironmentQuestions;
  private readonly now: Clock;
  private readonly counters = { cached: 0, confirmed: 0, read: 0, changed: 0 };
  private loggedAt = -Infinity;

  constructor(private readonly options: EnvironmentReaderOptions) {
    const { store, now = () => performance.now() } = options;
    this.now = now;
    this.questions = new EnvironmentQuestions(store, now);
  }

  /** A reader with a cache of its own, on a database and, where there is one, a bus. */
  static open(options: {
    readonly connection: Connection;
    readonly versions: Versions;
    readonly cacheBytes: number;
    readonly bus?: string;
    readonly log: Logger;
  }): EnvironmentReader {
    const { connection, versions, cacheBytes, bus: url, log } = options;
    const store = new EnvironmentReadStore(connection);
    const cache = new EnvironmentCache(cacheBytes);
    const forget = (change: EnvironmentChange) => {
      reader.forget(change);
    };
    const bus = url === undefined ? undefined : EnvironmentBus.open(url, log, forget);
    const reader = new EnvironmentReader({ store, cache, versions, bus, log });
    return reader;
  }

  /** Recent enough for what is shown to people. */
  get lately(): number {
    return this.now() - MAX_AGE_MS;
  }

  /** Recent enough for a run that comes now. */
  get fromNowOn(): number {
    return this.now();
  }

  /** By id, in whichever organization. */
  async get(id: string, since: number): Promise<EnvironmentDocument | undefined> {
    const { cache } = this.options;
    const known = cache.byId(id);
    if (known !== undefined && known.confirmedAt < since)
      this.settle(known, await this.questions.heads([id]));
    const fresh = cache.byId(id);
    if (fresh !== undefined && fresh.confirmedAt >= since) return this.counted('cached', fresh.document);
    const { found, askedAt } = await this.questions.byIds([id]);
    const document = found.get(id);
    return document && this.keep(document, askedAt);
  }

  /**
   * As it lies in the database now, whatever is known of it: a write builds on it, so what was altered there has to be
   * seen. Asked for together with what other writes ask for.
   */
  async stored(id: string): Promise<EnvironmentDocument | undefined> {
    return (await this.questions.byIds([id])).found.get(id);
  }

  /** What references mean, in their order and in the versions that they name; what has to be read, `budget` pays. */
  async find(
    org: string,
    references: readonly ImportReference[],
    since: number,
    budget?: ReadingBudget,
  ): Promise<readonly (EnvironmentDocument | undefined)[]> {
    // Another organization's environment does not exist for this one, so it is not even looked for.
    const own = references.filter((reference) => reference.org === '' || reference.org === org);
    const found = await this.findTexts(org, new Set(own.map(({ slug }) => slug)), since, budget);
    const pins = own.flatMap((reference) => {
      const document = found.get(reference.slug);
      return document === undefined ? [] : [{ reference, document, version: reference.version }];
    });
    const pinned = await this.options.versions.findAll(pins, { budget });
    const results = new Map(pins.map(({ reference }, index) => [reference, pinned[index]]));
    return references.map((reference) => results.get(reference));
  }

  /**
   * Confirms, in one question, everything that these references and their imports meant when they were last looked
   * at, so that `find` need not ask again level by level.
   */
  async expect(org: string, references: readonly ImportReference[], since: number): Promise<void> {
    const { cache } = this.options;
    const look = ({ slug }: ImportReference) => cache.byName(org, slug)?.entry.document ?? 'absent';
    const roots = references.map(look).filter((found) => found !== 'absent');
    const { environments } = flattenImports(roots, look);
    const imports = environments.flatMap(({ environment }) => environment.imports);
    await this.confirm(org, new Set([...references, ...imports].map(({ slug }) => slug)), since);
  }

  /** Forgets an environment that was written or removed here, and tells the other replicas. */
  changed({ _id: id, org, slug }: Pick<EnvironmentDocument, '_id' | 'org' | 'slug'>): void {
    this.forget({ id, org, slug });
    this.options.bus?.announce({ id, org, slug });
  }

  /** Forgets an environment that another replica has changed. */
  forget({ id, org, slug }: EnvironmentChange): void {
    this.counters.changed += 1;
    this.options.cache.changed({ _id: id, org, slug }, this.now());
  }

  onModuleDestroy(): void {
    this.options.bus?.close();
  }

  private async findTexts(
    org: string,
    texts: ReadonlySet<string>,
    since: number,
    budget?: ReadingBudget,
  ): Promise<ReadonlyMap<string, EnvironmentDocument>> {
    await this.confirm(org, texts, since);
    const results = new Map<string, EnvironmentDocument>();
    for (const text of texts) {
      const known = this.options.cache.byName(org, text);
      if (known !== undefined && isFresh(known, since))
        results.set(text, this.counted('cached', known.entry.document));
    }
    const unknown = [...texts].filter((text) => !results.has(text));
    for (let at = 0; at < unknown.length; at += READ_AT_ONCE) {
      const found = await this.lookUp(org, unknown.slice(at, at + READ_AT_ONCE));
      for (const [text, document] of found) results.set(text, document);
      budget?.spend(found.values());
    }
    return results;
  }

  /** Asks for everything that these texts can mean: by id and by slug at the same time. */
  private async lookUp(
    org: string,
    texts: readonly string[],
  ): Promise<ReadonlyMap<string, EnvironmentDocument>> {
    const results = new Map<string, EnvironmentDocument>();
    const slugs = texts.flatMap(candidates).filter(({ by }) => by === 'slug');
    const [ids, names] = await Promise.all([
      this.questions.byIds(texts),
      this.questions.bySlugs(slugs.map(({ value: slug }) => ({ org, slug }))),
    ]);
    const askedAt = Math.min(ids.askedAt, names.askedAt);
    for (const text of texts) {
      const meant = candidates(text).map(({ by, value }) =>
        by === 'id' ? ids.found.get(value) : names.get({ org, slug: value }),
      );
      const own = meant.filter((document) => document !== undefined).filter((one) => one.org === org);
      const found = pick({ slug: text }, own);
      if (found === undefined) continue;
      results.set(text, this.keep(found, askedAt));
      this.options.cache.putName(org, text, found._id, askedAt);
    }
    return results;
  }

  /** Asks whether what is known of these texts is still so, and forgets what is not. */
  private async confirm(org: string, texts: ReadonlySet<string>, since: number): Promise<void> {
    const { cache } = this.options;
    const stale = [...texts].flatMap((text) => {
      const name = cache.byName(org, text);
      return name === undefined || isFresh(name, since) ? [] : [{ text, ...name }];
    });
    if (stale.length === 0) return;
    // An id goes before a slug, and a slug before one with a prefix: whoever has come by such a name takes it over.
    const prefixed = stale.filter(({ text, entry: { head } }) => text !== head._id && text !== head.slug);
    const [heads, names] = await Promise.all([
      this.questions.heads(stale.flatMap(({ text, entry }) => [entry.head._id, text])),
      this.questions.bySlugs(prefixed.map(({ text: slug }) => ({ org, slug }))),
    ]);
    const askedAt = Math.min(heads.askedAt, names.askedAt);
    for (const { text, entry } of stale) {
      this.settle(entry, heads);
      const { _id } = entry.head;
      const byId = text !== _id && heads.found.get(text)?.org === org;
      if (byId || names.get({ org, slug: text }) !== undefined) cache.dropName(org, text);
      else cache.putName(org, text, _id, askedAt);
    }
  }

  private settle(entry: CachedEnvironment, { found, askedAt }: Answered<EnvironmentHead>): void {
    const { cache } = this.options;
    const { _id } = entry.head;
    const head = found.get(_id);
    if (head !== undefined && sameHead(head, entry.head)) {
      cache.confirm(entry, askedAt);
      this.counted('confirmed', _id);
    } else if (cache.byId(_id) === entry) cache.drop(_id);
  }

  private keep(document: EnvironmentDocument, askedAt: number): EnvironmentDocument {
    this.options.cache.put(document, askedAt);
    return this.counted('read', document);
  }

  /** Counts, and once in a while writes the counters to the log. */
  private counted<T>(what: keyof typeof this.counters, value: T): T {
    this.counters[what] += 1;
    const now = this.now();
    if (now - this.loggedAt >= LOG_EVERY_MS) {
      this.loggedAt = now;
      const { bytes, size } = this.options.cache;
      this.options.log.debug({ ...this.counters, bytes, environments: size }, 'environment cache');
    }
    return value;
  }
}

function isFresh({ entry, confirmedAt }: CachedName, since: number): boolean {
  return confirmedAt >= since && entry.confirmedAt >= since;
}

/** What a text may mean, in the order to try. */
function candidates(text: string) {
  return referenceCandidates(KINDS.Environment.idPrefix, text);
}
