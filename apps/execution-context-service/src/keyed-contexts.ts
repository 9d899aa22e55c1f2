import { CryptoError, KeyRing, type KeyRingHolder } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type {
  KeyedDocuments,
  LegacyCount,
  RewrapBatch,
  Verification,
  VerificationFailure,
} from '@stigmer/keys';
import type { Logger } from '@stigmer/service';
import type { ContextDocument } from './context-document';
import { type ContextKeys, ContextSeal } from './context-seal';
import type { ContextStore } from './contexts.store';
import { type EpochKeyDocument, openEpochKey, rewrapEpochKey } from './epoch-key';
import type { EpochKeyStore } from './epoch-keys.store';

export interface KeyedContextsOptions {
  readonly epochKeys: EpochKeyStore;
  readonly contexts: ContextStore;
  readonly log: Logger;
}

const PAGE = 100;
/** Where a batch of a re-wrap ended: among the few keys of epochs, or among the contexts of before there were any. */
const CONTEXTS = 'contexts/';

/**
 * What the context ring protects: the keys of epochs, and contexts that were sealed under a key of the ring itself
 * before there were epochs. All other contexts follow their epoch's key, so a rotation touches none of them.
 */
export class KeyedContexts implements KeyedDocuments {
  constructor(private readonly options: KeyedContextsOptions) {}

  async neededBeyond(known: readonly string[]): Promise<readonly string[]> {
    const counts = await this.countByKey();
    return [...counts.keys()].filter((id) => !known.includes(id));
  }

  async total(): Promise<number> {
    const { epochKeys, contexts } = this.options;
    const [keys, living] = await Promise.all([epochKeys.list(), contexts.countLiving()]);
    return keys.length + living;
  }

  async countByKey(): Promise<ReadonlyMap<string, number>> {
    const { epochKeys, contexts } = this.options;
    const [keys, counts] = await Promise.all([epochKeys.list(), contexts.countWithoutEpoch()]);
    const all = new Map(counts);
    for (const { crypto } of keys) all.set(crypto.kid, (all.get(crypto.kid) ?? 0) + 1);
    return all;
  }

  countLegacy(): Promise<LegacyCount> {
    return Promise.resolve({ documents: 0, values: 0, withoutMac: 0 });
  }

  async rewrapBatch(
    ring: KeyRing,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<RewrapBatch> {
    if (after === '') {
      return { ...(await this.rewrapEpochKeys(ring, await this.options.epochKeys.list())), next: CONTEXTS };
    }
    return this.rewrapContexts(ring, after.slice(CONTEXTS.length), limit);
  }

  /** Contexts are sealed under keys of epochs alone: only of these one may have been written under a key of the ring. */
  async rewrapFrom(ring: KeyRing, id: string): Promise<number> {
    const under = (await this.options.epochKeys.list()).filter(({ crypto }) => crypto.kid === id);
    return (await this.rewrapEpochKeys(ring, under)).rewrapped;
  }

  /** Opens every key of an epoch, and every context that lives. */
  async *verify(ring: KeyRingHolder): AsyncIterable<Verification> {
    const { epochKeys, contexts, log } = this.options;
    const documents = await epochKeys.list();
    yield {
      checked: documents.length,
      failures: documents.flatMap((document) => refusalOf(ring.current, document)),
    };
    const seal = new ContextSeal(this.openedWith(ring), log);
    let checked = documents.length;
    let page: readonly ContextDocument[] = [];
    do {
      page = await contexts.living(page.at(-1)?._id ?? '', PAGE);
      checked += page.length;
      const failures = await Promise.all(page.map((document) => this.failureOf(document, seal)));
      yield { checked, failures: failures.flat() };
    } while (page.length === PAGE);
  }

  private async rewrapEpochKeys(ring: KeyRing, documents: readonly EpochKeyDocument[]): Promise<RewrapBatch> {
    const { epochKeys, log } = this.options;
    let [rewrapped, failed] = [0, 0];
    for (const document of documents) {
      if (document.crypto.kid === ring.active.id) continue;
      const header = attempt(log, document._id, () => rewrapEpochKey(ring, document));
      if (header === undefined) failed += 1;
      // Another replica was faster where it is not replaced: the next pass looks again.
      else if (await epochKeys.rewrapped(document, header)) rewrapped += 1;
    }
    return { rewrapped, failed };
  }

  private async rewrapContexts(ring: KeyRing, after: string, limit: number): Promise<RewrapBatch> {
    const { contexts, log } = this.options;
    const seal = new ContextSeal(fixed(ring), log);
    const batch = await contexts.withoutEpoch(ring.active.id, after, limit);
    let [rewrapped, failed] = [0, 0];
    for (const document of batch) {
      const changed = await rewrappedContext(seal, document);
      if (changed === undefined) failed += 1;
      else if (await contexts.update(document, changed)) rewrapped += 1;
    }
    const last = batch.length < limit ? undefined : batch.at(-1)?._id;
    return { rewrapped, failed, ...(last === undefined ? {} : { next: `${CONTEXTS}${last}` }) };
  }

  /** Keys to look with: those of epochs that open under the ring, looked up again when one is not among them. */
  private openedWith(ring: KeyRingHolder): ContextKeys {
    let found = ring.current;
    const toOpen = async (kid: string) => {
      if (found.ids.includes(kid)) return found;
      const { current } = ring;
      const documents = await this.options.epochKeys.list();
      const opened = documents.filter((document) => refusalOf(current, document).length === 0);
      found = new KeyRing(current.active, [
        ...current.keys,
        ...opened.map((document) => openEpochKey(current, document).key),
      ]);
      return found;
    };
    return { ...fixed(ring.current), toOpen };
  }

  private async failureOf(
    document: ContextDocument,
    seal: ContextSeal,
  ): Promise<readonly VerificationFailure[]> {
    const reason = await reasonOf(seal.open(document));
    if (reason === undefined) return [];
    // A run may have ended since it was read, and taken the key along: what is no longer there is no failure.
    const now = await this.options.contexts.findById(document._id);
    const again = now === undefined ? undefined : await reasonOf(seal.open(now));
    return again === undefined ? [] : [{ documentId: document._id, name: '', reason: again }];
  }
}

function fixed(ring: KeyRing): ContextKeys {
  return { toSeal: () => Promise.resolve(ring), toOpen: () => Promise.resolve(ring), mayBeGone: () => false };
}

/** The context under the active key of the ring, its expiry being the same; undefined for one that does not open. */
async function rewrappedContext(
  seal: ContextSeal,
  document: ContextDocument,
): Promise<ContextDocument | undefined> {
  try {
    const renewal = await seal.renewal(document);
    return { ...document, crypto: await renewal(document.expires_at) };
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

async function reasonOf(opening: Promise<unknown>): Promise<string | undefined> {
  try {
    await opening;
    return undefined;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'failed-precondition') return error.message;
    throw error;
  }
}

function refusalOf(ring: KeyRing, document: EpochKeyDocument): readonly VerificationFailure[] {
  try {
    openEpochKey(ring, document);
    return [];
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    return [{ documentId: document._id, name: '', reason: `an epoch's key: ${error.message}` }];
  }
}

function attempt<T>(log: Logger, epoch: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    log.error({ epoch, err: error }, 'an epoch key cannot be re-wrapped');
    return undefined;
  }
}
