import { toJson } from '@bufbuild/protobuf';
import { unavailable } from '@stigmer/domain';
import { type KeyVerificationFailure, KeyVerificationFailureSchema } from '@stigmer/proto/agentic/key/v1/io';
import type { Context } from '../context';
import { Exit, ExitCode } from '../exit-codes';
import { print } from '../output/print';
import { table } from '../output/table';
import { documentsOf, Progress } from './progress';
import { type Keys, type RingFlags, withKeys } from './rings';

interface Result {
  readonly checked: bigint;
  readonly failures: readonly KeyVerificationFailure[];
}

/** Opens everything that a ring protects; what does not open is named, and fails the command. */
export async function verifyKeys(context: Context, flags: RingFlags): Promise<void> {
  const { checked, failures } = await withKeys(context, flags, (keys) => verifyAll(context, keys));
  const data = {
    checked: String(checked),
    failures: failures.map((failure) =>
      toJson(KeyVerificationFailureSchema, failure, { useProtoFieldName: true, alwaysEmitImplicit: true }),
    ),
  };
  await print(context, data, () => render(checked, failures));
  if (failures.length > 0) throw new Exit(ExitCode.failed);
}

async function verifyAll(context: Context, keys: Keys): Promise<Result> {
  const progress = new Progress(context);
  const failures: KeyVerificationFailure[] = [];
  try {
    for await (const step of keys.verify({})) {
      progress.show(step.checked, step.total);
      failures.push(...step.failures);
      if (step.finished) return { checked: step.checked, failures };
    }
  } finally {
    progress.end();
  }
  throw unavailable('the check ended before it was finished: try again');
}

function render(checked: bigint, failures: readonly KeyVerificationFailure[]): string {
  if (failures.length === 0) return `${documentsOf(checked)}: every key and every value opens`;
  const rows = failures.map(({ documentId, name, reason }) => [documentId, name, reason]);
  return [
    table(['DOCUMENT', 'VALUE', 'REASON'], rows),
    '',
    `${failures.length} failures in ${documentsOf(checked)}`,
  ].join('\n');
}
