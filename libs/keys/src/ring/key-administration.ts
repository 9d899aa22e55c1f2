import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KeyRingStatusSchema, KeyVerificationSchema } from '@stigmer/proto/agentic/key/v1/io';
import type { Caller, Logger } from '@stigmer/service';
import type { ManagedKeyRing } from './managed-key-ring';

type Status = Promise<MessageInitShape<typeof KeyRingStatusSchema>>;

/** What both services' key controllers do: for the owner of the installation alone, and audited. */
export class KeyAdministration {
  constructor(
    private readonly ring: ManagedKeyRing,
    private readonly log: Logger,
  ) {}

  status(_caller: Caller): Status {
    throw new Error('not there yet');
  }

  add(_caller: Caller): Status {
    throw new Error('not there yet');
  }

  promote(_id: string, _caller: Caller): Status {
    throw new Error('not there yet');
  }

  rewrap(_caller: Caller): Status {
    throw new Error('not there yet');
  }

  retire(_id: string, _caller: Caller): Status {
    throw new Error('not there yet');
  }

  verify(_caller: Caller): AsyncIterable<MessageInitShape<typeof KeyVerificationSchema>> {
    throw new Error('not there yet');
  }
}
