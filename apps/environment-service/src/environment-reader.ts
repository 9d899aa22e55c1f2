import type { OnModuleDestroy } from '@nestjs/common';
import { KINDS, referenceCandidates } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { Batcher } from './batcher';
import { EnvironmentBus } from './environment-bus';
import { type CachedEnvironment, type CachedName, EnvironmentCache } from './environment-cache';
import type { EnvironmentDocument } from './environment-document';
import { type EnvironmentHead, sameHead } from './environment-head';
import { EnvironmentReadStore, type OrgSlug } from './environment-reads.store';
import { flattenImports, type ImportReference } from './imports';
import { pick } from './references';
import type { Versions } from './versions';

/** How old an answer may be that nobody checks. */
const MAX_AGE_MS = 2_000;

export interface EnvironmentReaderOptions {
  readonly store: Pick<EnvironmentReadStore, 'heads' | 'byIds' | 'bySlugs'>;
  readonly cache: EnvironmentCache;
  readonly versions: Pick<Versions, 'findAll'>;
  /** None: the other replicas find out within two seconds. */
  readonly bus?: Pick<EnvironmentBus, 'announce' | 'close'>;
  readonly log: Logger;
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Reads environments through the cache. `since` is how recent an answer has to be: what is shown to people may be two
 * seconds old; what a run gets is confirmed by a question that was asked after the run came.
 */
export class EnvironmentReader implements OnModuleDestroy {
  private readonly heads: Batcher<EnvironmentHead>;
  private readonly ids: Batcher<EnvironmentDocument>;
  private readonly slugs: Batcher<EnvironmentDocument>;
  private readonly now: () => number;
  private readonly counters = { cached: 0, confirmed: 0, read: 0, changed: 0 };
  private loggedAt = 0;

  constructor(private readonly options: EnvironmentReaderOptions) {
    const { store, now = () => performance.now() } = options;
    this.now = now;
    this.heads = new Batcher((keys) => store.heads(keys), now);
    this.ids = new Batcher((keys) => store.byIds(keys), now);
    this.slugs = new Batcher(async (keys) => {
      const found = await store.bySlugs(keys.map(nameOf));
      return new Map(found.map((document) => [keyOf(document.org, document.slug), document]));
    }, now);
  }

  /** A reader with a cache of its own, on a database and, where there is one, a bus. */
  static open(options: {
    readonly connection: Connection;
    readonly versions: Versions;
    readonly cacheBytes: number;
    readonly bus?: string;
    readonly log: Logger;
  }): EnvironmentReader {
    const { connection, versions, cacheBytes, log } = options;
    const bus =
      options.bus === undefined
        ? undefined
        : EnvironmentBus.open(options.bus, log, (change) => {
            reader.forget(change);
          });
    const store = new EnvironmentReadStore(connection);
    const cache = new EnvironmentCache(cacheBytes);
    const reader: EnvironmentReader = new EnvironmentReader({ store, cache, versions, bus, log });
    return reader;
  }

  /** What may be shown to people. */
  get recently(): number {
    return this.now() - MAX_AGE_MS;
  }

  /** What was not asked before this moment. */
  get from(): number {
    return this.now();
  }

  /** By id, in whichever organization. */
  async get(id: string, since: number): Promise<EnvironmentDocument | undefined> {
    const known = this.options.cache.byId(id);
    if (known !== undefined && known.confirmedAt < since) await this.confirm([known]);
    const fresh = this.options.cache.byId(id);
    if (fresh !== undefined && fresh.confirmedAt >= since) return this.count('cached', fresh.document);
    const { found, askedAt } = await this.ids.load([id]);
    return this.keep(found.get(id), askedAt);
  }

  /** What references mean, in their order and in the versions that they name. */
  async find(
    org: string,
    references: readonly ImportReference[],
    since: number,
  ): Promise<readonly (EnvironmentDocument | undefined)[]> {
    const texts = references.map((reference) =>
      // Another organization's environment does not exist for this one, so it is not even looked for.
      reference.org === '' || reference.org === org ? reference.slug : undefined,
    );
    const found = await this.findTexts(org, new Set(texts.filter((text) => text !== undefined)), since);
    const pins = references.flatMap(({ version }, index) => {
      const document = found.get(texts[index] ?? '');
      return texts[index] === undefined || document === undefined ? [] : [{ document, version, index }];
    });
    const versions = await this.options.versions.findAll(pins);
    const results: (EnvironmentDocument | undefined)[] = references.map(() => undefined);
    for (const [at, { index }] of pins.entries()) results[index] = versions[at];
    return results;
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
    const texts = new Set([...references, ...imports].map(({ slug }) => slug));
    await this.confirmNames(org, texts, since);
  }

  /** Forgets an environment that was written or removed here, and tells the other replicas. */
  changed({ _id, org, slug }: Pick<EnvironmentDocument, '_id' | 'org' | 'slug'>): void {
    this.forget({ id: _id, org, slug });
    this.options.bus?.announce({ id: _id, org, slug });
  }

  /** Forgets an environment that another replica has changed. */
  forget({ id, org, slug }: { readonly id: string; readonly org: string; readonly slug: string }): void {
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
  ): Promise<ReadonlyMap<string, EnvironmentDocument>> {
    const { cache } = this.options;
    await this.confirmNames(org, texts, since);
    const results = new Map<string, EnvironmentDocument>();
    for (const text of texts) {
      const known = cache.byName(org, text);
      if (known !== undefined && isFresh(known, since))
        results.set(text, this.count('cached', known.entry.document));
    }
    const missed = [...texts].filter((text) => !results.has(text));
    for (const [text, document] of await this.lookUp(org, missed)) results.set(text, document);
    return results;
  }

  /** Asks for everything that these texts can mean: by id and by slug at the same time. */
  private async lookUp(
    org: string,
    texts: readonly string[],
  ): Promise<ReadonlyMap<string, EnvironmentDocument>> {
    if (texts.length === 0) return new Map();
    const slugs = texts.flatMap((text) => candidatesOf(text).filter(({ by }) => by === 'slug'));
    const [byId, bySlug] = await Promise.all([
      this.ids.load(texts),
      this.slugs.load(slugs.map(({ value }) => keyOf(org, value))),
    ]);
    const askedAt = Math.min(byId.askedAt, bySlug.askedAt);
    const results = new Map<string, EnvironmentDocument>();
    for (const text of texts) {
      const known = candidatesOf(text).map(({ by, value }) =>
        by === 'id' ? byId.found.get(value) : bySlug.found.get(keyOf(org, value)),
      );
      const found = pick({ slug: text }, known.filter((document) => document?.org === org).filter(isThere));
      if (found === undefined) continue;
      this.keep(found, askedAt);
      this.options.cache.putName(org, text, found._id, askedAt);
      results.set(text, found);
    }
    return results;
  }

  private async confirmNames(org: string, texts: ReadonlySet<string>, since: number): Promise<void> {
    const stale: { readonly text: string; readonly name: CachedName }[] = [];
    for (const text of texts) {
      const name = this.options.cache.byName(org, text);
      if (name !== undefined && !isFresh(name, since)) stale.push({ text, name });
    }
    if (stale.length === 0) return;
    const prefixed = stale.filter(
      ({ text, name: { entry } }) => text !== entry.document.slug && text !== entry.document._id,
    );
    const [askedAt, shadows] = await Promise.all([
      // By id goes before by slug, so an environment of that id would take the name over.
      this.confirm(
        stale.map(({ name }) => name.entry),
        stale.map(({ text }) => text),
        org,
      ),
      // And so would one whose slug begins with the prefix.
      this.slugs.load(prefixed.map(({ text }) => keyOf(org, text))),
    ]);
    for (const { text, name } of stale) {
      const shadowed = askedAt.shadows.has(text) && text !== name.entry.document._id;
      if (shadowed || shadows.found.has(keyOf(org, text))) this.options.cache.dropName(org, text);
      else
        this.options.cache.putName(
          org,
          text,
          name.entry.document._id,
          Math.min(askedAt.askedAt, shadows.askedAt),
        );
    }
  }

  /** Asks whether entries are still what is stored, and forgets those that are not. */
  private async confirm(
    entries: readonly CachedEnvironment[],
    texts: readonly string[] = [],
    org = '',
  ): Promise<{ readonly askedAt: number; readonly shadows: ReadonlySet<string> }> {
    const { cache } = this.options;
    const { found, askedAt } = await this.heads.load([
      ...entries.map(({ document }) => document._id),
      ...texts,
    ]);
    for (const entry of entries) {
      const head = found.get(entry.document._id);
      if (head !== undefined && sameHead(head, entry.head))
        this.count('confirmed', cache.confirm(entry, askedAt));
      else if (cache.byId(entry.document._id) === entry) cache.drop(entry.document._id);
    }
    return { askedAt, shadows: new Set(texts.filter((text) => found.get(text)?.org === org)) };
  }

  private keep(document: EnvironmentDocument | undefined, askedAt: number): EnvironmentDocument | undefined {
    if (document === undefined) return undefined;
    this.options.cache.put(document, askedAt);
    return this.count('read', document);
  }

  /** Counts, and now and then writes the counters to the log. */
  private count<T>(what: keyof typeof this.counters, value: T): T {
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

const LOG_EVERY_MS = 60_000;

function isFresh({ entry, confirmedAt }: CachedName, since: number): boolean {
  return confirmedAt >= since && entry.confirmedAt >= since;
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function candidatesOf(text: string) {
  return referenceCandidates(KINDS.Environment.idPrefix, text);
}

/** The organization's length first, so that no two names share a key. */
function keyOf(org: string, slug: string): string {
  return `${org.length}:${org}${slug}`;
}

function nameOf(key: string): OrgSlug {
  const from = key.indexOf(':') + 1;
  const to = from + Number.parseInt(key, 10);
  return { org: key.slice(from, to), slug: key.slice(to) };
}
