import { KINDS } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import { type EnvironmentHead, headOf } from './environment-head';

/** A sealed environment as it was read, and what was made of it since: none of it holds a secret or a key. */
export interface CachedEnvironment {
  readonly document: EnvironmentDocument;
  readonly head: EnvironmentHead;
  /** When the database was last asked, with this as its answer. */
  confirmedAt: number;
}

/** A name that was found to mean an environment, and when. */
export interface CachedName {
  readonly entry: CachedEnvironment;
  readonly confirmedAt: number;
}

interface Kept extends CachedEnvironment {
  readonly names: Map<string, number>;
  bytes: number;
}

/**
 * What things take in memory, as measured and rounded up, with everything that is made of a document for its answers
 * and kept beside it: a plain value is there four times (the document's, a read's, a redacted and a plain opening's).
 */
const DOCUMENT_BYTES = 5_000;
const VARIABLE_BYTES = 350;
const SECRET_BYTES = 600;
const NAME_BYTES = 200;
const COPIES = { plain: 4.1, secret: 2.6 } as const;
/** So many changes are remembered one by one, far more than there are while one query is under way. */
const REMEMBERED_CHANGES = 10_000;

/**
 * The environments that were used last, sealed as they lie in the database: never a plaintext and never a data key, so
 * a dump of it is worth what a backup is worth. Bounded by an estimate of its bytes; what was used last goes last.
 *
 * It knows nothing of the database. Whoever asks says how old an answer may be, and whoever puts something in says
 * when it was asked for, so that the answer to an old question never takes the place of a newer one.
 */
export class EnvironmentCache {
  private readonly entries = new Map<string, Kept>();
  private readonly names = new Map<string, Kept>();
  private readonly changes = new Map<string, number>();
  private forgottenChanges = -Infinity;
  private total = 0;

  constructor(private readonly maxBytes: number) {}

  /** The estimate that is held under the bound. */
  get bytes(): number {
    return this.total;
  }

  get size(): number {
    return this.entries.size;
  }

  byId(id: string): CachedEnvironment | undefined {
    return this.used(this.entries.get(id));
  }

  /** What a reference's text meant in an organization. */
  byName(org: string, text: string): CachedName | undefined {
    const key = nameKey(org, text);
    const entry = this.used(this.names.get(key));
    const confirmedAt = entry?.names.get(key);
    return entry && confirmedAt !== undefined ? { entry, confirmedAt } : undefined;
  }

  /** Keeps the answer to a question of `askedAt`, unless something newer is known. */
  put(document: EnvironmentDocument, askedAt: number): void {
    const { _id } = document;
    const known = this.entries.get(_id);
    if (askedAt < this.changedAt(_id) || (known !== undefined && known.confirmedAt >= askedAt)) return;
    this.drop(_id);
    const bytes = estimate(document);
    if (bytes > this.maxBytes) return;
    this.entries.set(_id, {
      ...{ document, head: headOf(document), confirmedAt: askedAt },
      ...{ names: new Map(), bytes },
    });
    this.grow(bytes);
  }

  /** Remembers what a text meant, to a question of `askedAt`. */
  putName(org: string, text: string, id: string, askedAt: number): void {
    const key = nameKey(org, text);
    const entry = this.entries.get(id);
    if (entry === undefined || askedAt < this.changedAt(key)) return;
    const other = this.names.get(key);
    if (other !== undefined && other !== entry) this.dropName(org, text);
    if (!entry.names.has(key)) this.growEntry(entry, NAME_BYTES + 2 * key.length);
    if (!this.entries.has(id)) return;
    entry.names.set(key, Math.max(askedAt, entry.names.get(key) ?? askedAt));
    this.names.set(key, entry);
  }

  /** The database says that an entry is still what is stored. */
  confirm(entry: CachedEnvironment, askedAt: number): void {
    if (askedAt < this.changedAt(entry.document._id)) return;
    entry.confirmedAt = Math.max(entry.confirmedAt, askedAt);
  }

  /** An environment was written or removed at `at`: neither it nor what its names meant is known any more. */
  changed({ _id, org, slug }: Pick<EnvironmentHead, '_id' | 'org' | 'slug'>, at: number): void {
    this.drop(_id);
    this.remember(_id, at);
    for (const text of [_id, slug, `${KINDS.Environment.idPrefix}-${slug}`]) {
      this.dropName(org, text);
      this.remember(nameKey(org, text), at);
    }
  }

  drop(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    for (const key of entry.names.keys()) this.names.delete(key);
    this.entries.delete(id);
    this.total -= entry.bytes;
  }

  dropName(org: string, text: string): void {
    const key = nameKey(org, text);
    const entry = this.names.get(key);
    if (entry === undefined) return;
    this.names.delete(key);
    entry.names.delete(key);
    entry.bytes -= NAME_BYTES + 2 * key.length;
    this.total -= NAME_BYTES + 2 * key.length;
  }

  private used(entry: Kept | undefined): Kept | undefined {
    if (entry === undefined) return undefined;
    // A map keeps the order of insertion, so the first one is the one that was not used for longest.
    this.entries.delete(entry.document._id);
    this.entries.set(entry.document._id, entry);
    return entry;
  }

  private growEntry(entry: Kept, bytes: number): void {
    entry.bytes += bytes;
    this.grow(bytes);
  }

  private grow(bytes: number): void {
    this.total += bytes;
    for (const id of this.entries.keys()) {
      if (this.total <= this.maxBytes) return;
      this.drop(id);
    }
  }

  private changedAt(key: string): number {
    return this.changes.get(key) ?? this.forgottenChanges;
  }

  private remember(key: string, at: number): void {
    this.changes.delete(key);
    this.changes.set(key, at);
    const [oldest] = this.changes;
    if (this.changes.size <= REMEMBERED_CHANGES || oldest === undefined) return;
    // Whatever was asked before the newest change that is forgotten is refused, whichever environment it is about.
    this.changes.delete(oldest[0]);
    this.forgottenChanges = Math.max(this.forgottenChanges, oldest[1]);
  }
}

function estimate(document: EnvironmentDocument): number {
  const { data, labels, annotations, revision_tags, changes, imports, tags } = document;
  let bytes = DOCUMENT_BYTES + 2 * document.description.length + imports.length * NAME_BYTES;
  for (const [name, { value, is_secret, description }] of data) {
    const copies = is_secret ? COPIES.secret : COPIES.plain;
    bytes += VARIABLE_BYTES + (is_secret ? SECRET_BYTES : 0) + copies * Buffer.byteLength(value);
    bytes += COPIES.plain * (name.length + 2 * description.length);
  }
  for (const [key, value] of [...labels, ...annotations, ...revision_tags])
    bytes += 4 * (key.length + value.length) + NAME_BYTES;
  for (const name of [...changes.added, ...changes.changed, ...changes.removed, ...tags])
    bytes += name.length + NAME_BYTES / 4;
  return Math.ceil(bytes);
}

function nameKey(org: string, text: string): string {
  return `${org.length}:${org}${text}`;
}
