import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { aborted } from '@stigmer/domain';
import type { WritingKeys } from '@stigmer/keys';
import type { Caller, Logger } from '@stigmer/service';
import type { EnvironmentDocument } from './environment-document';
import type { Author, Outcome } from './environment-edit';
import type { EnvironmentStore } from './environments.store';
import { checkImports } from './imports';
import { matchedSecrets } from './matched-secrets';
import type { RevisionPruning } from './revision-pruning';
import type { RevisionStore } from './revisions.store';
import { Turns } from './turns';
import type { References } from './versions';

export interface EnvironmentWriterOptions {
  readonly store: EnvironmentStore;
  readonly revisions: RevisionStore;
  readonly references: References;
  readonly keys: Pick<WritingKeys, 'written'>;
  readonly pruning: RevisionPruning;
  readonly log: Logger;
}

/** One change: where it begins, and what it makes of what is there. */
export interface Change {
  readonly find: () => Promise<EnvironmentDocument>;
  readonly make: (existing: EnvironmentDocument, author: Author) => Outcome | Promise<Outcome>;
  /** A version that the change expects to replace; empty: whichever is there. */
  readonly expected?: string;
  /** The secrets whose stored values it was compared with. */
  readonly compared: (existing: EnvironmentDocument) => readonly string[];
}

/** What came of a change: the environment as it is now, or another write came first. */
type Attempt =
  { readonly written: EnvironmentDocument } | { readonly written?: undefined; readonly lost: string };

/** How often a change is made again from a newer version before its caller is told to try again. */
const ATTEMPTS = 20;

/** Writes environments: each change of what a client sees makes one version, and keeps the one before it. */
export class EnvironmentWriter {
  private readonly turns = new Turns();
  private readonly audit: Logger;

  constructor(private readonly options: EnvironmentWriterOptions) {
    // Who was told something about a secret is written down whatever the level of the log.
    this.audit = options.log.child({}, { level: 'info' });
  }

  async create(document: EnvironmentDocument, { actor }: Caller): Promise<void> {
    const { store, log } = this.options;
    await this.checkImports(document);
    await store.insert(document);
    await this.settle(document);
    log.info({ environment: document._id, org: document.org, actor }, 'environment created');
  }

  /**
   * Changes a stored environment. A stale `expected` version is ABORTED; without one the last write wins, made anew
   * from the newest version each time another write came first, so that no concurrent change is lost unseen.
   */
  async change(change: Change, caller: Caller): Promise<EnvironmentDocument> {
    const first = await this.attempt(change, caller);
    if (first.written !== undefined) return first.written;
    // Whoever lost a race waits for its turn: many who write at once would otherwise undo each other's work.
    return this.turns.take(first.lost, async () => {
      for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
        const { written } = await this.attempt(change, caller);
        if (written !== undefined) return written;
        await sleep(Math.random() * 10 * attempt);
      }
      throw aborted('the environment was changed by others at the same time: try again');
    });
  }

  private async attempt(change: Change, { actor }: Caller): Promise<Attempt> {
    const { find, make, expected = '' } = change;
    for (;;) {
      const existing = await find();
      if (expected !== '' && expected !== existing.version.id) throw stale(existing, expected);
      const outcome = await make(existing, { by: actor, at: new Date() });
      if (outcome.kind !== 'unchanged' && !(await this.write(outcome, existing, actor))) {
        return { lost: existing._id };
      }
      if (outcome.kind === 'rewritten') continue;
      const written = outcome.kind === 'unchanged' ? existing : outcome.document;
      this.auditMatches(matchedSecrets(change.compared(existing), existing, written), written, actor);
      return { written };
    }
  }

  private async write(
    outcome: Exclude<Outcome, { kind: 'unchanged' }>,
    existing: EnvironmentDocument,
    actor: string,
  ): Promise<boolean> {
    const { store, revisions, pruning, log } = this.options;
    const { document } = outcome;
    if (outcome.kind === 'rewritten') {
      await revisions.seal(document, outcome.secrets);
      if (!(await store.replace(document, existing))) return false;
      await this.settle(document);
      return true;
    }
    if (!isDeepStrictEqual(document.imports, existing.imports)) await this.checkImports(document);
    if (!(await store.advance(document, existing))) return false;
    await this.settle(document);
    log.info({ environment: document._id, actor, version: document.version.id }, 'environment written');
    pruning.written(document);
    return true;
  }

  private auditMatches(keys: readonly string[], { _id }: EnvironmentDocument, actor: string): void {
    if (keys.length === 0) return;
    this.audit.info(
      { audit: 'secret.matched', actor, environment: _id, keys },
      'secrets were given the values that they have',
    );
  }

  // This process may have stood still since it sealed the document, for longer than it takes to retire a key.
  private settle({ crypto }: EnvironmentDocument): Promise<void> {
    return this.options.keys.written(crypto?.kid ?? '');
  }

  private async checkImports(document: EnvironmentDocument): Promise<void> {
    const { references } = this.options;
    await checkImports(document, (wanted) => references.findAll(document.org, wanted, 'without-data'));
  }
}

function stale({ _id, version }: EnvironmentDocument, expected: string) {
  return aborted(`environment ${_id} is at version ${version.id}, not ${expected}: read it again`);
}
