import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { permissionDenied } from '@stigmer/domain';
import {
  KeyState as WireState,
  type KeyRingStatusSchema,
  type KeySchema,
  type KeyVerificationSchema,
  type RewrapSchema,
} from '@stigmer/proto/agentic/key/v1/io';
import type { Caller, Logger } from '@stigmer/service';
import type { RewrapRecord } from './key-record';
import { isKeyId, type ManagedKeyRing } from './managed-key-ring';
import type { KeyState, KeyStatus, RingStatus } from './ring-status';

type Status = MessageInitShape<typeof KeyRingStatusSchema>;
type Commands = Pick<ManagedKeyRing, 'status' | 'add' | 'promote' | 'rewrap' | 'retire' | 'verify'>;

const STATES: Readonly<Record<KeyState, WireState>> = {
  active: WireState.ACTIVE,
  standby: WireState.STANDBY,
  missing: WireState.MISSING,
  retired: WireState.RETIRED,
};

/** What both services' key controllers do: for the owner of the installation alone, and audited. */
export class KeyAdministration {
  private readonly audit: Logger;

  constructor(
    private readonly ring: Commands,
    log: Logger,
  ) {
    // Who touched a key is written down whatever the level of the log.
    this.audit = log.child({}, { level: 'info' });
  }

  async status(caller: Caller): Promise<Status> {
    this.admit('status', caller);
    return toMessage(await this.ring.status());
  }

  async add(caller: Caller): Promise<Status> {
    this.assertOwner('add', caller);
    const made: string[] = [];
    // Written down when its key has an id, and not later: what comes after may fail, and the key is there.
    const added = (id: string): void => {
      made.push(id);
      this.write('add', caller, id);
    };
    try {
      return toMessage(await this.ring.add(added));
    } catch (error) {
      if (made.length === 0) this.write('add', caller);
      throw error;
    }
  }

  async promote(id: string, caller: Caller): Promise<Status> {
    this.admit('promote', caller, id);
    return toMessage(await this.ring.promote(id));
  }

  async rewrap(caller: Caller): Promise<Status> {
    this.admit('rewrap', caller);
    return toMessage(await this.ring.rewrap());
  }

  async retire(id: string, caller: Caller): Promise<Status> {
    this.admit('retire', caller, id);
    return toMessage(await this.ring.retire(id));
  }

  async *verify(caller: Caller): AsyncIterable<MessageInitShape<typeof KeyVerificationSchema>> {
    this.admit('verify', caller);
    let last = { total: 0, checked: 0 };
    for await (const { total, checked, failures } of this.ring.verify()) {
      last = { total, checked };
      yield { ...toCounts(last), failures: [...failures], finished: false };
    }
    yield { ...toCounts(last), finished: true };
  }

  private admit(command: string, caller: Caller, id?: string): void {
    this.assertOwner(command, caller, id);
    // A status is polled, and changes nothing.
    if (command !== 'status') this.write(command, caller, id);
  }

  private assertOwner(command: string, { owner, actor }: Caller, id?: string): void {
    if (owner) return;
    this.audit.warn({ audit: 'key.refused', command, actor, key: nameOf(id) }, 'key command refused');
    throw permissionDenied('keys are for the owner of this installation alone (the local token)');
  }

  private write(command: string, { actor }: Caller, id?: string): void {
    this.audit.info({ audit: `key.${command}`, actor, key: nameOf(id) }, 'key command');
  }
}

/** The id, and not what else somebody may have given for one. */
function nameOf(id: string | undefined): string | undefined {
  return id === undefined || isKeyId(id) ? id : 'no id of a key';
}

function toMessage(status: RingStatus): Status {
  const { ring, sources, keys, documents, legacyValues, documentsWithoutMac, rewrap, replicas } = status;
  return {
    ...{ ring, sources: [...sources], keys: keys.map(toKey) },
    ...{ documents: BigInt(documents), legacyValues: BigInt(legacyValues) },
    documentsWithoutMac: BigInt(documentsWithoutMac),
    rewrap: rewrap && toRewrap(rewrap),
    replicas: replicas.map(({ _id: id, active, seen_at }) => ({ id, active, seenAt: stamp(seen_at) })),
  };
}

function toKey(key: KeyStatus): MessageInitShape<typeof KeySchema> {
  const { id, state, documents, addedAt, promotedAt, retiredAt, holders } = key;
  return {
    ...{ id, state: STATES[state], documents: BigInt(documents), holders },
    ...{ addedAt: stamp(addedAt), promotedAt: stamp(promotedAt), retiredAt: stamp(retiredAt) },
  };
}

function toRewrap(rewrap: RewrapRecord): MessageInitShape<typeof RewrapSchema> {
  const { running, total, done, failed, started_at, finished_at } = rewrap;
  return {
    ...{ running, total: BigInt(total), done: BigInt(done), failed: BigInt(failed) },
    ...{ startedAt: stamp(started_at), finishedAt: stamp(finished_at) },
  };
}

function toCounts({ total, checked }: { readonly total: number; readonly checked: number }) {
  return { total: BigInt(total), checked: BigInt(checked) };
}

function stamp(at: Date | undefined): Timestamp | undefined {
  return at && timestampFromDate(at);
}
