import { unavailable } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentsOptions } from './environments';
import type { EnvironmentStore } from './environments.store';
import { importersOf } from './importers';
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
    const [instances, importers, earlier] = await Promise.all([
      this.pinnedByInstances(document),
      importersOf(this.store, document),
      this.pinnedByEarlier(document),
    ]);
    const named = [...instances, ...importers.map(({ version }) => version), ...earlier];
    return {
      ids: [...document.revision_tags.values(), ...named.filter((version) => !isNumber(version))],
      numbers: named.filter(isNumber).map(Number),
    };
  }

  /**
   * What the earlier versions pin of the environments that import this one now: they may be gone back to, or be pinned
   * themselves. A name that means another environment first keeps a version too many.
   */
  private async pinnedByEarlier(document: EnvironmentDocument): Promise<readonly string[]> {
    const { org } = document;
    const names = namesOf(document);
    const importing = await this.store.findImporting(org, names);
    const imports = await this.revisions.importsOf(importing.map(({ lineage }) => lineage));
    return imports
      .filter((of) => (of.org === '' || of.org === org) && names.includes(of.slug))
      .map(({ version }) => version);
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
