import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { LIMITS } from '@stigmer/domain';
import { type Kind, metadataOf, type Resource } from './kind';

/** What the messages of a page take at most; the last tenth of a gRPC message is for what is left of those cut. */
const PAGE_BYTES = 0.9 * LIMITS.messageBytes;
const CUT_BYTES = 0.95 * LIMITS.messageBytes;
const NAME_LENGTH = 256;

/** A message as it lies in the database. */
interface Encoded {
  readonly message: Buffer;
}

/** Takes something out of a message, in place. */
export type Reduction<R> = (resource: R) => void;

/** The first messages, until a page is full: at least one. Says whether some were left for the next page. */
export async function fillPage<R extends Resource>(
  kind: Kind<R>,
  documents: AsyncIterable<Encoded>,
): Promise<{ readonly items: readonly R[]; readonly cut: boolean }> {
  const items: R[] = [];
  let bytes = 0;
  for await (const { message } of documents) {
    bytes += message.byteLength;
    if (items.length > 0 && bytes > PAGE_BYTES) return { items, cut: true };
    items.push(fromBinary(kind.schema, message));
  }
  return { items, cut: false };
}

/**
 * All messages, for a list whose answer has no room for a token: those that would not fit are reduced, by the first
 * of the reductions where that is enough and else by all of them.
 */
export async function fillWhole<R extends Resource>(
  kind: Kind<R>,
  documents: AsyncIterable<Encoded>,
  reductions: readonly Reduction<R>[],
): Promise<readonly R[]> {
  const items: R[] = [];
  let bytes = 0;
  for await (const { message } of documents) {
    const item = fromBinary(kind.schema, message);
    let size = message.byteLength;
    for (const reduce of reductions) {
      // What was cut still finds room where no whole message does.
      if (bytes + size <= (size === message.byteLength ? PAGE_BYTES : CUT_BYTES)) break;
      reduce(item);
      size = toBinary(kind.schema, item).byteLength;
    }
    bytes += size;
    items.push(item);
  }
  return items;
}

/** Leaves what names a resource, and of that no more than fits into any page. */
export function keepNames(resource: Resource): void {
  const metadata = metadataOf(resource);
  delete resource.spec;
  metadata.name = metadata.name.slice(0, NAME_LENGTH);
  metadata.slug = metadata.slug.slice(0, NAME_LENGTH);
  metadata.labels = {};
  metadata.annotations = {};
  metadata.tags = [];
  if (metadata.version !== undefined) metadata.version.message = '';
}
