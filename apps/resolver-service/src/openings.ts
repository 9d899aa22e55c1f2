import { create, toBinary } from '@bufbuild/protobuf';
import { Encoded } from '@stigmer/proto';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { OpenEnvironmentsInputSchema } from '@stigmer/proto/internal/v1/environment_vault';
import type { Clients } from './clients';
import { LayerCache } from './layer-cache';
import { type Opened, readOpened } from './opened';
import { SharedCalls } from './shared-calls';

/** Which environments, and for whom. */
export interface OpeningRequest {
  /** What a reference without an organization means. */
  readonly org: string;
  readonly references: ApiResourceReference[];
  /** For people: nothing is decrypted. */
  readonly redacted: boolean;
}

/**
 * Opens environments by the environment-service. Runs that come at the same time and name the same environments of the
 * same organization get the same layers of one answer. None of it is kept for those who come later, but for what was
 * redacted.
 */
export class Openings {
  private readonly shared = new SharedCalls<Opened>();
  private readonly redacted = new LayerCache();

  constructor(private readonly clients: Pick<Clients, 'environments'>) {}

  /** All in one call: the environments of one answer were read together, and ten cost no more than one. */
  open(request: OpeningRequest, signal: AbortSignal): Promise<Opened> {
    const bytes = toBinary(OpenEnvironmentsInputSchema, create(OpenEnvironmentsInputSchema, request));
    // The whole request is the key, its organization first of all: two that differ in anything share nothing.
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const input = new Encoded(OpenEnvironmentsInputSchema, bytes);
    return this.shared.join(key, (all) => this.call(input, request.redacted, all), signal);
  }

  private async call(
    input: Encoded<typeof OpenEnvironmentsInputSchema>,
    redacted: boolean,
    signal: AbortSignal,
  ): Promise<Opened> {
    const { bytes } = await this.clients.environments.open(input, { signal });
    return readOpened(bytes, redacted ? this.redacted.read : undefined);
  }
}
