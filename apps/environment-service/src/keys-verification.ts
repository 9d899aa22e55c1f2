import type { KeyRingHolder } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { Verification, VerificationFailure } from '@stigmer/keys';
import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument } from './environment-document';
import { type EnvironmentRow, fromRow } from './environment-row';
import { EnvironmentSecrets } from './environment-secrets';
import { asItWas } from './revision-document';
import { fromRow as fromRevisionRow, REVISIONS, type RevisionRow } from './revisions.store';

/** Environments whose earlier versions are asked for at once, and after which to say how far it has come. */
const STEP = 50;
const MANY_FAILURES = 200;

/** Something that does not open, or one more environment that was gone through. */
type Finding = VerificationFailure | 'checked';

interface Opened {
  readonly document: EnvironmentDocument;
  readonly secrets: EnvironmentSecrets;
}

interface Source {
  readonly keys: KeyRingHolder;
  readonly environments: mongo.Collection<EnvironmentRow>;
  readonly revisions: mongo.Collection<RevisionRow>;
}

/** Opens every data key and every value, of the current versions and of the earlier ones, and keeps nothing. */
export async function* verifyEnvironments(
  connection: Connection,
  keys: KeyRingHolder,
): AsyncGenerator<Verification> {
  const database = connection.getClient().db(connection.name);
  const environments = database.collection<EnvironmentRow>('environments');
  const revisions = database.collection<RevisionRow>(REVISIONS);
  let checked = 0;
  let failures: VerificationFailure[] = [];
  for await (const finding of findingsIn({ keys, environments, revisions })) {
    if (finding === 'checked') checked++;
    else failures.push(finding);
    const due = finding === 'checked' ? checked % STEP === 0 : failures.length >= MANY_FAILURES;
    if (!due) continue;
    yield { checked, failures };
    failures = [];
  }
  yield { checked, failures };
}

async function* findingsIn(source: Source): AsyncGenerator<Finding> {
  let opened: Opened[] = [];
  for await (const row of all(source.environments.find({}, { batchSize: 20 }).sort({ _id: 1 }))) {
    const result = await openAsItIsNow(fromRow(row), source);
    if (result instanceof DomainError) yield { documentId: row._id, name: '', reason: result.message };
    else if (result !== undefined) {
      yield* failuresIn(row._id, result.document, result.secrets);
      opened.push(result);
    }
    if (opened.length >= STEP) {
      yield* findingsInRevisions(opened, source);
      opened = [];
    }
    yield 'checked';
  }
  yield* findingsInRevisions(opened, source);
}

async function* findingsInRevisions(
  opened: readonly Opened[],
  { revisions }: Source,
): AsyncGenerator<Finding> {
  const byLineage = new Map(opened.map((one) => [one.document.lineage, one]));
  const rows = revisions.find({ lineage: { $in: [...byLineage.keys()] } }, { batchSize: 20 });
  for await (const row of all(rows)) {
    const one = byLineage.get(row.lineage);
    if (one === undefined) continue;
    const was = asItWas(one.document, fromRevisionRow(row));
    yield* failuresIn(`${one.document._id}@${row.version.number}`, was, one.secrets);
  }
}

/** Undefined for one that was removed meanwhile. */
async function openAsItIsNow(
  read: EnvironmentDocument,
  { keys, environments }: Source,
): Promise<Opened | DomainError | undefined> {
  const opened = tryOpen(read, keys);
  if (!(opened instanceof DomainError)) return opened;
  // Read a while ago, in one batch with others: since then its header may have been wrapped anew.
  const row = await withMongo(() => environments.findOne({ _id: read._id }));
  return row === null ? undefined : tryOpen(fromRow(row), keys);
}

function tryOpen(document: EnvironmentDocument, keys: KeyRingHolder): Opened | DomainError {
  try {
    return { document, secrets: EnvironmentSecrets.unchecked(keys.current, document) };
  } catch (error) {
    return asFailure(error);
  }
}

function* failuresIn(
  documentId: string,
  document: EnvironmentDocument,
  secrets: EnvironmentSecrets,
): Generator<VerificationFailure> {
  const secretsIn = [...document.data].filter(([, { is_secret }]) => is_secret);
  const checks: readonly (readonly [string, () => void])[] = [
    [
      '',
      () => {
        secrets.assertIntact(document);
      },
    ],
    ...secretsIn.map(([name, { value }]) => [name, () => void secrets.open(name, value)] as const),
  ];
  for (const [name, check] of checks) {
    try {
      check();
    } catch (error) {
      yield { documentId, name, reason: asFailure(error).message };
    }
  }
}

function asFailure(error: unknown): DomainError {
  if (error instanceof DomainError && error.kind === 'failed-precondition') return error;
  throw error;
}

/** The documents of a cursor, which is closed with the loop over them. */
async function* all<T>(cursor: mongo.FindCursor<T>): AsyncGenerator<T> {
  try {
    for (;;) {
      const document = await withMongo(() => cursor.next());
      if (document === null) return;
      yield document;
    }
  } finally {
    await cursor.close();
  }
}
