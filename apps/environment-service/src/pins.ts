import { unavailable } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentsOptions } from './environments';
import type { EnvironmentStore } from './environments.store';
import { importersAmong, importsNaming } from './importers';
import { namesOf } from './references';
import type { Kept, RevisionStore } from './revisions.store';
import { isNumber } from './versions';

/** The versions of environments that have to stay, because something names them. */
export class Pins {
  constructor(
    private readonly store: EnvironmentStore,
    private readonly revisions: RevisionStore,
    private readonly users: EnvironmentsOptions['users'],
  ) {}

  /**
   * What instances and importing environments pin, and what has a tag: whichever tag they name, its version stays.
   * UNAVAILABLE where nobody can say what instances pin, since then it may be anything.
   */
  async of(document: EnvironmentDocument): Promise<Kept> {
    const pinned = await Promise.all([this.pinnedByInstances(document), this.pinnedByImporters(document)]);
    const named = pinned.flat();
    return {
      ids: [...document.revision_tags.values(), ...named.filter((version) => !isNumber(version))],
      numbers: named.filter(isNumber).map(Number),
    };
  }

  /**
   * What the environments that import this one pin, now and in their earlier versions: those may be gone back to, or be
   * pinned themselves. Of those, a name that means another environment first keeps a version too many.
   */
  private async pinnedByImporters(document: EnvironmentDocument): Promise<readonly string[]> {
    const importing = await this.store.findImporting(document.org, namesOf(document));
    const [importers, earlier] = await Promise.all([
      importersAmong(this.store, document, importing),
      this.revisions.importsOf(importing.map(({ lineage }) => lineage)),
    ]);
    return [...importers, ...importsNaming(document, earlier)].map(({ version }) => version);
  }

  private async pinnedByInstances({ _id, org, slug }: EnvironmentDocument): Promise<readonly string[]> {
    try {
      return (await this.users.list({ org, environmentId: _id, slug })).versions;
    } catch (cause) {
      throw unavailable('nothing was pruned: the control-plane does not say what instances pin', [], {
        cause,
      });
    }
  }
}
