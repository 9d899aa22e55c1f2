import type { EnvironmentContent, EnvironmentDocument, StoredVariable } from './environment-document';

type Plain<T> = Readonly<Record<string, T>>;

/** What a document of before there were revisions lacks, and what stands for it. */
type Later = 'imports' | 'lineage' | 'changes' | 'revision_tags' | 'version';
type RowVersion = Omit<EnvironmentDocument['version'], 'number'> & { readonly number?: number };
type RowVariable = Omit<StoredVariable, 'final' | 'expires_at'> & {
  readonly final?: boolean;
  readonly expires_at?: Date | null;
};

/** What comes back from the database in another form: BSON knows no maps, so they come as plain objects. */
export interface MapsOfContent {
  readonly imports?: EnvironmentContent['imports'];
  readonly labels: Plain<string>;
  readonly annotations: Plain<string>;
  readonly data: Plain<RowVariable>;
}

/** An environment as it comes back from the database. */
export type EnvironmentRow = MapsOfContent &
  Omit<EnvironmentDocument, keyof MapsOfContent | Later> & {
    readonly version: RowVersion;
    readonly lineage?: string;
    readonly changes?: EnvironmentDocument['changes'];
    readonly revision_tags?: Plain<string>;
  };

/** How much is read of what a row holds: without its variables it is small, however large it is. */
export type Extent = 'whole' | 'without-data';

/** What stands for the variables of a row that was read without them. */
export const NO_DATA = { data: {} } as const;

const NO_CHANGES = { added: [], changed: [], removed: [] } as const;

/** The document that a row holds, by the names of its fields: whatever else stands in a database is nothing. */
export function fromRow(row: EnvironmentRow): EnvironmentDocument {
  const { _id, org, name, slug, owner_scope, tags, description, crypto, mac, version, created, updated } =
    row;
  return {
    ...{ _id, org, name, slug, owner_scope, tags, description, created, updated },
    ...(crypto && { crypto }),
    ...(mac !== undefined && { mac }),
    ...fromContentRow(row),
    lineage: row.lineage ?? row._id,
    version: { ...version, number: version.number ?? 1 },
    changes: row.changes ?? NO_CHANGES,
    revision_tags: fromTags(row.revision_tags),
  };
}

/** What to ask for, to read so much of a row. */
export function projectionOf(extent: Extent): { readonly projection?: { readonly data: 0 } } {
  return extent === 'whole' ? {} : { projection: { data: 0 } };
}

/** Where a tag lies in a row. */
export function tagField(tag: string): string {
  return `revision_tags.${tagKey(tag)}`;
}

/** MongoDB separates the parts of a path by dots, which a tag may have; it has no slash. */
function tagKey(tag: string): string {
  return tag.replaceAll('.', '/');
}

/** Tags as a row has them. */
export function toTags(tags: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...tags].map(([tag, version]) => [tagKey(tag), version]));
}

/** The tags of a row, by their names. */
function fromTags(tags: Plain<string> = {}): ReadonlyMap<string, string> {
  return new Map(Object.entries(tags).map(([key, version]) => [key.replaceAll('/', '.'), version]));
}

/** The maps of a row, as maps. */
export function fromContentRow({ imports, labels, annotations, data }: MapsOfContent) {
  return {
    imports: imports ?? [],
    labels: new Map(Object.entries(labels)),
    annotations: new Map(Object.entries(annotations)),
    data: new Map(Object.entries(data).map(([name, variable]) => [name, fromVariableRow(variable)])),
  };
}

function fromVariableRow(row: RowVariable): StoredVariable {
  const { value, is_secret, description, optional, final = false, expires_at } = row;
  const variable = { value, is_secret, description, optional, final };
  return expires_at == null ? variable : { ...variable, expires_at };
}
