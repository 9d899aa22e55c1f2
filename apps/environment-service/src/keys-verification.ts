import type { KeyRingHolder } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import type { Verification, VerificationFailure } from '@stigmer/keys';
import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument } from './environment-document';
import { EnvironmentSecrets } from './environment-secrets';
import { type EnvironmentRow, fromContentRow, fromRow } from './environment-row';
import { REVISIONS, type RevisionRow } from './revisions.store';

/** Environments after which to say how far it has come, and failures after which to say so earlier. */
const STEP = 50;
const MANY_FAILURES = 200;

type Variables = EnvironmentDocument['data'];

interface Collections {
  readonly environments: mongo.Collection<EnvironmentRow>;
  readonly revisions: mongo.Collection<RevisionRow>;
}

/** Opens every data key and every value, of the current versions and of the earlier ones, and keeps nothing. */
export async function* verifyEnvironments(
  connection: Connection,
  keys: KeyRingHolder,
): AsyncGenerator<Verification> {
  const database = connection.getClient().db(connection.name);
  const collections = {
    environments: database.collection<EnvironmentRow>('environments'),
    revisions: database.collection<RevisionRow>(REVISIONS),
  };
  let checked = 0;
  let failures: VerificationFailure[] = [];
  const rows = collections.environments.find({}, { batchSize: 20 }).sort({ _id: 1 });
  try {
    while (await withMongo(() => rows.hasNext())) {
      const row = await withMongo(() => rows.next());
      if (row === null) break;
      for await (const failure of failuresOf(fromRow(row), keys, collections)) {
        failures.push(failure);
        if (failures.length < MANY_FAILURES) continue;
        yield { checked, failures };
        failures = [];
      }
      if (++checked % STEP > 0) continue;
      yield { checked, failures };
      failures = [];
    }
    yield { checked, failures };
  } finally {
    await rows.close();
  }
}

async function* failuresOf(
  read: EnvironmentDocument,
  keys: KeyRingHolder,
  { environments, revisions }: Collections,
): AsyncGenerator<VerificationFailure> {
  const { _id: documentId } = read;
  let opened = tryOpen(read, keys);
  if (opened instanceof DomainError) {
    // Read a while ago, in one batch with others: since then its header may have been wrapped anew, or be gone.
    const again = await withMongo(() => environments.findOne({ _id: documentId }));
    if (again === null) return;
    opened = tryOpen(fromRow(again), keys);
  }
  if (opened instanceof DomainError) {
    yield { documentId, name: '', reason: opened.message };
    return;
  }
  yield* failuresAmong(documentId, opened.document.data, opened.secrets);
  const earlier = revisions.find({ lineage: opened.document.lineage }, { batchSize: 5 });
  try {
    while (await withMongo(() => earlier.hasNext())) {
      const revision = await withMongo(() => earlier.next());
      if (revision === null) break;
      const { data } = fromContentRow(revision);
      yield* failuresAmong(`${documentId}@${revision.version.number}`, data, opened.secrets);
    }
  } finally {
    await earlier.close();
  }
}

function tryOpen(document: EnvironmentDocument, keys: KeyRingHolder) {
  try {
    return { document, secrets: EnvironmentSecrets.of(keys.current, document) };
  } catch (error) {
    return asFailure(error);
  }
}

function* failuresAmong(
  documentId: string,
  data: Variables,
  secrets: EnvironmentSecrets,
): Generator<VerificationFailure> {
  for (const [name, { is_secret, value }] of data) {
    if (!is_secret) continue;
    try {
      secrets.open(name, value);
    } catch (error) {
      yield { documentId, name, reason: asFailure(error).message };
    }
  }
}

function asFailure(error: unknown): DomainError {
  if (error instanceof DomainError && error.kind === 'failed-precondition') return error;
  throw error;
}
