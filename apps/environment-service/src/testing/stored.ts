import type { KeyRing } from '@stigmer/crypto';
import type { mongo } from 'mongoose';
import type { EnvironmentDocument } from '../environment-document';
import { type EnvironmentRow, fromRow } from '../environment-row';
import { EnvironmentSecrets } from '../environment-secrets';

/** Changes a stored environment as the service would have written it, without the checks that stand before a write. */
export async function rewriteStored(
  database: mongo.Db,
  ring: KeyRing,
  _id: string,
  change: Partial<EnvironmentDocument>,
): Promise<void> {
  const rows = database.collection<EnvironmentRow>('environments');
  const row = await rows.findOne({ _id });
  if (row === null) throw new Error('the environment is not there');
  const document = fromRow(row);
  const { mac } = EnvironmentSecrets.of(ring, document).sealed({ ...document, ...change });
  const written = await rows.updateOne({ _id }, { $set: { ...change, mac } as Partial<EnvironmentRow> });
  if (written.modifiedCount !== 1) throw new Error('nothing was written');
}
