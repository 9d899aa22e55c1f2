import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { EnvironmentRevisionSchema } from '@stigmer/proto/agentic/environment/v1/io';
import {
  type Changes,
  type EnvironmentContent,
  type EnvironmentDocument,
  type Stamp,
  type Version,
} from './environment-document';

/**
 * What a version made of an environment. Its name and its slug are not part of it: they say which environment it is,
 * and always read as they are now, unless nobody can say any more what they are.
 */
export type RevisionContent = Omit<EnvironmentContent, 'name' | 'slug'>;

/** A version without what it holds: what a history shows. */
export interface RevisionSummary {
  readonly version: Version;
  readonly changes: Changes;
  /** Who made it, and when. */
  readonly written: Stamp;
}

/**
 * A version that is no longer the current one. Its secrets are sealed with the data key of its environment, whose
 * header lies in the environment's document alone: a re-wrap touches one header, and without that document nothing
 * here can be opened.
 */
export interface RevisionDocument extends RevisionSummary, RevisionContent {
  /** The version's id. */
  readonly _id: string;
  readonly lineage: string;
  /** As the environment had it; absent in what was kept while its header said that there was none. */
  readonly mac?: string;
  /** What its MAC is over beside the rest. */
  readonly named?: Named;
}

/** What an environment was called at a version, and who made it. */
export type Named = Pick<EnvironmentDocument, 'name' | 'slug' | 'created'>;

/** What is kept of the version that an environment has now, once another one takes its place. */
export function outgoing(document: EnvironmentDocument): RevisionDocument {
  const { lineage, mac } = document;
  return {
    ...{ _id: document.version.id, lineage, ...summaryOf(document), ...revisionContentOf(document) },
    ...(mac !== undefined && { mac, named: namedOf(document) }),
  };
}

/** The environment at an earlier version, under the name that it has now. */
export function atRevision(now: EnvironmentDocument, revision: RevisionDocument): EnvironmentDocument {
  const was = asItWas(now, revision);
  return { ...was, ...namedOf(now), earlier: { was, now } };
}

/** The environment exactly as it was at an earlier version, in all that its MAC is over. */
export function asItWas(now: EnvironmentDocument, revision: RevisionDocument): EnvironmentDocument {
  const { lineage, version, changes, written, mac, named } = revision;
  const { _id, org, crypto, revision_tags } = now;
  return {
    ...{ _id, org, crypto, revision_tags, lineage, version, changes, updated: written, mac },
    // By their names: whatever else stands in a database is nothing.
    ...namedOf(named ?? now),
    ...revisionContentOf(revision),
  };
}

/** What an environment is called, and who made it. */
export function namedOf({ name, slug, created }: Named): Named {
  return { name, slug, created };
}

/** The current version, as a history shows it. */
export function summaryOf({ version, changes, updated }: EnvironmentDocument): RevisionSummary {
  return { version, changes, written: updated };
}

/** What a revision keeps of an environment's content. */
export function revisionContentOf(from: RevisionContent): RevisionContent {
  const { owner_scope, labels, annotations, tags, description, imports, data } = from;
  return { owner_scope, labels, annotations, tags, description, imports, data };
}

/** A version as the wire has it: names, and never a value. */
export function toRevision(
  { version, changes, written }: RevisionSummary,
  document: Pick<EnvironmentDocument, 'revision_tags' | 'version'>,
): MessageInitShape<typeof EnvironmentRevisionSchema> {
  const { id, number, message } = version;
  const { added, changed, removed } = changes;
  return {
    ...{ id, number, message, author: written.by, at: timestampFromDate(written.at) },
    ...{ added: [...added], changed: [...changed], removed: [...removed] },
    tags: [...document.revision_tags]
      .filter(([, of]) => of === id)
      .map(([tag]) => tag)
      .sort(),
    current: id === document.version.id,
  };
}
