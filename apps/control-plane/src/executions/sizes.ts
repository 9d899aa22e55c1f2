import { clone, toBinary } from '@bufbuild/protobuf';
import { resourceExhausted } from '@stigmer/domain';
import {
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import { type Kind, metadataOf } from '../resources/kind';
import type { Execution } from './execution-kind';

/** Past this a status is refused: the runner cuts its own before. */
const STATUS_BYTES = 4 * 1024 * 1024;
/** MongoDB's 16 MiB, less what the row's other fields take. */
const DOCUMENT_BYTES = 15.5 * 1024 * 1024;

/** The status is what its message takes beside its spec and metadata. */
export function checkStatusSize<E extends Execution>(kind: Kind<E>, execution: E): void {
  const bare = clone(kind.schema, execution);
  delete bare.status;
  const bytes = bytesOf(kind, execution) - bytesOf(kind, bare);
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
  if (bytes <= DOCUMENT_BYTES - STATUS_BYTES) return;
  throw resourceExhausted(
    `the run and its template have ${bytes} bytes, at most ${DOCUMENT_BYTES - STATUS_BYTES} are kept`,
  );
}

function bytesOf<E extends Execution>(kind: Kind<E>, execution: E): number {
  return toBinary(kind.schema, execution).byteLength;
}
