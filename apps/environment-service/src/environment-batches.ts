import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KeyRingHolder } from '@stigmer/crypto';
import type {
  OpenedEnvironmentSchema,
  OpenedEnvironmentsSchema,
  OpenEnvironmentsInput,
} from '@stigmer/proto/internal/v1/environment_vault';
import type { Logger } from '@stigmer/service';
import { type EnvironmentDocument, toValues } from './environment-document';
import { EnvironmentSecrets, plaintextBytes } from './environment-secrets';
import type { EnvironmentStore } from './environments.store';
import { pick, wantedBy } from './references';

/** Opens environments for a run: one query for all of its references, values in plaintext. */
export class EnvironmentBatches {
  constructor(
    private readonly store: EnvironmentStore,
    private readonly keys: KeyRingHolder,
    private readonly log: Logger,
  ) {}

  /** In the order of the references; those that mean no environment of this organization come back as missing. */
  async open(input: OpenEnvironmentsInput): Promise<MessageInitShape<typeof OpenedEnvironmentsSchema>> {
    const { org, references, redacted } = input;
    // Another organization's environment does not exist for this one, so it is not even looked for.
    const own = references.filter((reference) => reference.org === '' || reference.org === org);
    const found = own.length === 0 ? [] : await this.store.findAny(wantedBy(org, own));
    const picked = references.map((reference) =>
      own.includes(reference) ? pick(reference, found) : undefined,
    );
    return {
      environments: picked.filter((document) => document !== undefined).map((d) => this.openOne(d, redacted)),
      missing: references.filter((_, index) => picked[index] === undefined),
    };
  }

  private openOne(
    document: EnvironmentDocument,
    redacted: boolean,
  ): MessageInitShape<typeof OpenedEnvironmentSchema> {
    const { _id: id, slug, org, name, version } = document;
    return {
      id,
      slug,
      org,
      name,
      revision: version.id,
      data: toValues(document, this.reader(document, redacted)),
      secretBytes: redacted ? secretBytes(document) : {},
    };
  }

  private reader(document: EnvironmentDocument, redacted: boolean) {
    if (redacted || !hasSecrets(document)) return () => '';
    const secrets = EnvironmentSecrets.of(this.keys.current, document);
    if (secrets.legacy)
      this.log.info({ environment: document._id }, 'read in an older form, until its next write');
    return (name: string, stored: string) => secrets.open(name, stored);
  }
}

function secretBytes({ data }: EnvironmentDocument): Record<string, number> {
  const secrets = [...data].filter(([, variable]) => variable.is_secret);
  return Object.fromEntries(secrets.map(([name, { value }]) => [name, plaintextBytes(value)]));
}

function hasSecrets({ data }: EnvironmentDocument): boolean {
  return [...data.values()].some((variable) => variable.is_secret);
}
