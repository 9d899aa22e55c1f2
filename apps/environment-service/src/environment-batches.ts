import { create, toBinary } from '@bufbuild/protobuf';
import type { KeyRingHolder } from '@stigmer/crypto';
import { IMPORT_LIMITS, invalidArguments, resourceExhausted } from '@stigmer/domain';
import { Encoded, MAX_MESSAGE_BYTES } from '@stigmer/proto';
import {
  OpenedEnvironmentsSchema,
  type OpenEnvironmentsInput,
} from '@stigmer/proto/internal/v1/environment_vault';
import { OpenedEnvironmentSchema } from '@stigmer/proto/internal/v1/environment_vault';
import type { Logger } from '@stigmer/service';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentReader } from './environment-reader';
import { assertIntact, EnvironmentSecrets } from './environment-secrets';
import { followImports, type Followed } from './imports';
import { layoutOf, type OpenedLayout } from './opened-layout';
import { MAX_READ_BYTES, ReadingBudget } from './reading-budget';
import { fieldHead, textField } from './wire';

/** One environment of an answer, before its bytes are written. */
interface Part {
  readonly document: EnvironmentDocument;
  readonly layout: OpenedLayout;
  /** Its field, up to its variables. */
  readonly head: readonly Uint8Array[];
  readonly headBytes: number;
  readonly dataBytes: number;
}

const ENVIRONMENTS = OpenedEnvironmentsSchema.field.environments.number;
const VIA = OpenedEnvironmentSchema.field.via.number;

/** Opens environments, with what they import, for a merge: values in plaintext, or redacted for people. */
export class EnvironmentBatches {
  constructor(
    private readonly reader: EnvironmentReader,
    private readonly keys: KeyRingHolder,
    private readonly log: Logger,
    private readonly maxReadBytes = MAX_READ_BYTES,
  ) {}

  /** In the order of the merge; references that mean no environment of this organization come back as missing. */
  async open({
    org,
    references,
    redacted,
  }: OpenEnvironmentsInput): Promise<Encoded<typeof OpenedEnvironmentsSchema>> {
    const { reader } = this;
    assertFew(references);
    // People may see what was there two seconds ago. A run gets what is there now.
    const since = redacted ? reader.lately : reader.fromNowOn;
    const budget = new ReadingBudget(this.maxReadBytes);
    await reader.expect(org, references, since);
    const found = await reader.find(org, references, since, budget);
    const roots = found.filter((document) => document !== undefined);
    const { environments, problems } = await followImports(roots, (imports) =>
      reader.find(org, imports, since, budget),
    );
    if (!redacted) for (const { environment } of environments) this.assertIntact(environment);
    const rest = {
      missing: references.filter((_, index) => found[index] === undefined),
      importProblems: problems.map(({ code, path }) => ({ code, path: [...path] })),
    };
    return new Encoded(OpenedEnvironmentsSchema, this.encode(environments, redacted, rest));
  }

  /** What is cached and was altered in the database is read anew the next time: it may have been put right. */
  private assertIntact(document: EnvironmentDocument): void {
    try {
      assertIntact(this.keys.current, document);
    } catch (error) {
      this.reader.forget({ id: document._id, org: document.org, slug: document.slug });
      throw error;
    }
  }

  /**
   * Writes the answer once, into one piece of memory: what is the same for every run was encoded when the document was
   * read, and each secret is opened straight into its place.
   */
  private encode(
    environments: readonly Followed<EnvironmentDocument>[],
    redacted: boolean,
    rest: Parameters<typeof create<typeof OpenedEnvironmentsSchema>>[1],
  ): Uint8Array {
    const parts = environments.map((followed) => partOf(followed, redacted));
    const tail = toBinary(OpenedEnvironmentsSchema, create(OpenedEnvironmentsSchema, rest));
    const length = parts.reduce((sum, part) => sum + part.headBytes + part.dataBytes, tail.byteLength);
    // Before the memory is taken: a large environment that is reached a hundred times is as large a hundred times.
    if (length > MAX_MESSAGE_BYTES) throw tooLarge(length);
    // All of it is written over: nothing of what lay in this memory before goes out.
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for (const { document, layout, head, dataBytes } of parts) {
      for (const piece of head) at = put(bytes, piece, at);
      if (redacted) bytes.set(layout.redacted, at);
      else this.fill(document, layout, bytes.subarray(at, at + dataBytes));
      at += dataBytes;
    }
    if (put(bytes, tail, at) !== length) throw new Error('an answer is not as long as it was planned');
    return bytes;
  }

  private fill(document: EnvironmentDocument, layout: OpenedLayout, into: Uint8Array): void {
    if (!layout.hasSecrets) {
      layout.copyInto(into);
      return;
    }
    // The data key is unwrapped for each answer, used for all of its secrets, and kept nowhere.
    const secrets = EnvironmentSecrets.of(this.keys.current, document);
    if (secrets.legacy)
      this.log.info({ environment: document._id }, 'read in an older form, until its next write');
    layout.openInto(into, secrets);
  }
}

function partOf({ environment, via }: Followed<EnvironmentDocument>, redacted: boolean): Part {
  const layout = layoutOf(environment);
  const vias = via.map((slug) => textField(VIA, slug));
  const dataBytes = redacted ? layout.redacted.byteLength : layout.openedLength;
  const names = [layout.names, ...vias];
  const namesBytes = names.reduce((sum, piece) => sum + piece.byteLength, 0);
  const start = fieldHead(ENVIRONMENTS, namesBytes + dataBytes);
  return {
    document: environment,
    layout,
    head: [start, ...names],
    headBytes: start.byteLength + namesBytes,
    dataBytes,
  };
}

/** Before anything is read: each is an environment to open, and may be another version of it to read. */
function assertFew({ length }: readonly unknown[]): void {
  const { environments } = IMPORT_LIMITS;
  if (length <= environments) return;
  throw invalidArguments([
    { field: 'environment_refs', description: `at most ${environments} references, these are ${length}` },
  ]);
}

function tooLarge(bytes: number) {
  return resourceExhausted(
    `the environments of a run have ${bytes} bytes with all that they import, at most ${MAX_MESSAGE_BYTES} are opened at once`,
  );
}

function put(into: Buffer, piece: Uint8Array, at: number): number {
  into.set(piece, at);
  return at + piece.byteLength;
}
