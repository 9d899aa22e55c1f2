import { toBinary } from '@bufbuild/protobuf';
import { notFound } from '@stigmer/domain';
import { Encoded } from '@stigmer/proto';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type EnvironmentDocument, toResource } from './environment-document';
import type { EnvironmentReader } from './environment-reader';
import { assertEnvironmentKind, describeReference } from './references';

type View = Encoded<typeof EnvironmentSchema>;

const views = new WeakMap<EnvironmentDocument, Uint8Array>();

/**
 * Environments as anyone may read them, redacted and at most two seconds old. Nothing is decrypted, so the bytes of an
 * answer are made once and kept for as long as their document is.
 */
export class EnvironmentViews {
  constructor(private readonly reader: EnvironmentReader) {}

  async get(id: string): Promise<View> {
    return viewOf((await this.reader.get(id, this.reader.lately)) ?? absent(id));
  }

  async getByReference(reference: ApiResourceReference): Promise<View> {
    assertEnvironmentKind(reference);
    const { reader } = this;
    const since = reader.lately;
    // Without an organization to look in, only an id says which environment is meant.
    const byId = reference.org === '' ? await reader.get(reference.slug, since) : undefined;
    const org = byId?.org ?? reference.org;
    const [found] = await reader.find(org, [{ ...reference, org }], since);
    return viewOf(found ?? absent(describeReference(reference)));
  }
}

function viewOf(document: EnvironmentDocument): View {
  const known = views.get(document) ?? toBinary(EnvironmentSchema, toResource(document));
  views.set(document, known);
  return new Encoded(EnvironmentSchema, known);
}

function absent(reference: string): never {
  throw notFound('Environment', reference);
}
