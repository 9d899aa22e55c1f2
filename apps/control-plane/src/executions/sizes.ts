import { clone, toBinary } from '@bufbuild/protobuf';
import { resourceExhausted } from '@stigmer/domain';
import {
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import { type Kind, metadataOf } from '../resources/kind';
import type { Execution } from './execution-kind';
import { PROVENANCE_BYTES } from './provenance';

/** Past this what a runner has reported is refused: it cuts its own before. */
const STATUS_BYTES = 4 * 1024 * 1024;
/** MongoDB's 16 MiB, less what the row's other fields take. */
const DOCUMENT_BYTES = 15 * 1024 * 1024;
/** What is left for a run and its template, beside its status and the names of what it uses. */
const RUN_BYTES = DOCUMENT_BYTES - STATUS_BYTES - 2 * PROVENANCE_BYTES;

/** A status is what its message takes beside spec and metadata, and beside what was noted of the run's start. */
export function checkStatusSize<E extends Execution>(kind: Kind<E>, execution: E): void {
  const reported = clone(kind.schema, execution);
  if (reported.status !== undefined) Object.assign(reported.status, { provenance: {}, warnings: [] });
  const bare = clone(kind.schema, execution);
  delete bare.status;
  const bytes = bytesOf(kind, reported) - bytesOf(kind, bare);
  if (bytes <= STATUS_BYTES) return;
  const { id } = metadataOf(execution);
  throw resourceExhausted(`the status of ${id} would have ${bytes} bytes, at most ${STATUS_BYTES} are kept`);
}

/** Together with its status and its row, an execution and its snapshot must fit into one document. */
export function checkFits<E extends Execution>(
  kind: Kind<E>,
  execution: E,
  snapshot: ExecutionSnapshot,
): void {
  const bytes = bytesOf(kind, execution) + toBinary(ExecutionSnapshotSchema, snapshot).byteLength;
  if (bytes <= RUN_BYTES) return;
  throw resourceExhausted(`the run and its template have ${bytes} bytes, at most ${RUN_BYTES} are kept`);
}

function bytesOf<E extends Execution>(kind: Kind<E>, execution: E): number {
  return toBinary(kind.schema, execution).byteLength;
}
