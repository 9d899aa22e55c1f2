import type { EnvironmentDocument } from './environment-document';
import type { Extent } from './environment-row';
import type { EnvironmentStore } from './environments.store';
import type { ImportReference } from './imports';
import { READ_AT_ONCE, type ReadingBudget } from './reading-budget';
import { pick, wantedBy } from './references';
import { atRevision, type RevisionDocument } from './revision-document';
import type { RevisionKey, RevisionStore } from './revisions.store';

/** An environment, and the version of it that a reference names: nothing, `latest`, an id, a number or a tag. */
export interface Pin {
  readonly document: EnvironmentDocument;
  readonly version: string;
}

/** How much is read, and who pays for it. */
export interface Reading {
  readonly budget?: ReadingBudget | undefined;
  readonly extent?: Extent | undefined;
}

const NUMBER = /^[1-9]\d{0,8}$/;

/** Finds the versions that references name. */
export class Versions {
  constructor(private readonly store: RevisionStore) {}

  /** The environment at a version; undefined where it has no such version, or none any more. */
  async find(document: EnvironmentDocument, version: string): Promise<EnvironmentDocument | undefined> {
    return (await this.findAll([{ document, version }]))[0];
  }

  /** The environment at each pin, in their order; the earlier ones are asked for together, and `budget` pays for them. */
  async findAll(
    pins: readonly Pin[],
    { budget, extent }: Reading = {},
  ): Promise<readonly (EnvironmentDocument | undefined)[]> {
    const keys = pins.map(keyOf);
    if (keys.every((key) => key === undefined)) return pins.map(({ document }) => document);
    const found = await this.findEarlier(keys, { budget, extent });
    return pins.map(({ document }, index) => {
      const key = keys[index];
      if (key === undefined) return document;
      const revision = found.find((candidate) => isMeantBy(key, candidate));
      return revision && atRevision(document, revision);
    });
  }

  private async findEarlier(
    keys: readonly (RevisionKey | undefined)[],
    { budget, extent }: Reading,
  ): Promise<readonly RevisionDocument[]> {
    const earlier = new Map(keys.flatMap((key) => (key === undefined ? [] : [[textOf(key), key]])));
    const found: RevisionDocument[] = [];
    const wanted = [...earlier.values()];
    for (let at = 0; at < wanted.length; at += READ_AT_ONCE) {
      const step = await this.store.findAll(wanted.slice(at, at + READ_AT_ONCE), extent);
      budget?.spend(step);
      found.push(...step);
    }
    return found;
  }
}

/** Finds the environments that references mean, each at the version it names. */
export class References {
  constructor(
    private readonly store: EnvironmentStore,
    private readonly versions: Versions,
  ) {}

  /** In their order. Another organization's environment does not exist for this one. */
  async findAll(
    org: string,
    references: readonly ImportReference[],
    extent: Extent = 'whole',
  ): Promise<readonly (EnvironmentDocument | undefined)[]> {
    const own = references.filter((reference) => reference.org === '' || reference.org === org);
    const found = own.length === 0 ? [] : await this.store.findAny(wantedBy(org, own), extent);
    const pins = own.flatMap((reference) => {
      const document = pick(reference, found);
      return document === undefined ? [] : [{ reference, document, version: reference.version }];
    });
    const at = await this.versions.findAll(pins, { extent });
    return references.map((reference) => at[pins.findIndex((pin) => pin.reference === reference)]);
  }
}

/** Whether a reference names a version by its number. */
export function isNumber(version: string): boolean {
  return NUMBER.test(version);
}

/** Whether a version is the one that an environment has now, and nothing has to be asked. */
export function isCurrent({ document, version }: Pin): boolean {
  return keyOf({ document, version }) === undefined;
}

/** The earlier version that is meant; undefined for the current one. */
function keyOf({ document, version: named }: Pin): RevisionKey | undefined {
  const { lineage, version, revision_tags } = document;
  if (named === '' || named === 'latest') return undefined;
  if (isNumber(named)) {
    const number = Number(named);
    return number === version.number ? undefined : { lineage, number };
  }
  const id = revision_tags.get(named) ?? named;
  return id === version.id ? undefined : { lineage, id };
}

function textOf(key: RevisionKey): string {
  return JSON.stringify(key);
}

function isMeantBy(key: RevisionKey, { _id, lineage, version }: RevisionDocument): boolean {
  return lineage === key.lineage && ('id' in key ? _id === key.id : version.number === key.number);
}
