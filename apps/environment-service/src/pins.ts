import { unavailable } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentsOptions } from './environments';
import type { EnvironmentStore } from './environments.store';
import { importersOf } from './importers';
import type { Kept } from './revisions.store';
import { isNumber } from './versions';

/** The versions of environments that have to stay, because something names them. */
export class Pins {
  constructor(
    private readonly store: EnvironmentStore,
    private readonly users: EnvironmentsOptions['users'],
  ) {}

  /**
   * What instances and importing environments pin, and what has a tag: whichever tag they name, its version stays.
   * UNAVAILABLE where nobody can say what instances pin, since then it may be anything.
   */
  async of(document: EnvironmentDocument): Promise<Kept> {
    const [instances, importers] = await Promise.all([
      this.pinnedByInstances(document),
      importersOf(this.store, document),
    ]);
    const named = [...instances, ...importers.map(({ version }) => version)];
    return {
      ids: [...document.revision_tags.values(), ...named.filter((version) => !isNumber(version))],
      numbers: named.filter(isNumber).map(Number),
    };
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
