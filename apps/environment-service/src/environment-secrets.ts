import {
  checkDocumentMac,
  createDataKey,
  CryptoError,
  type CryptoHeader,
  type DataKey,
  documentMac,
  HEADER_VERSION,
  type KeyRing,
  openDataKey,
  openLegacyValue,
  openParsedValue,
  openValue,
  type ParsedValue,
  type Place,
  rewrap,
  sealValue,
  type Secret,
} from '@stigmer/crypto';
import { DomainError, failedPrecondition } from '@stigmer/domain';
import type { EnvironmentDocument } from './environment-document';
import { factsOf, intact, sourcesOf } from './environment-mac';

/** What every form adds to a value's bytes: an iv of 12 and a tag of 16. */
const OVERHEAD_BYTES = 28;
const NOT_BOUND = { from: [], to: [] } as const;

type Sealed = Pick<EnvironmentDocument, '_id' | 'org' | 'slug' | 'crypto'>;

/** What a document's header says of the form it is in. */
interface Form {
  /** The form that is written. False as well where the key is no longer the active one. */
  readonly current: boolean;
  /** The document has a MAC. */
  readonly macs: boolean;
  /** The values are in a form of earlier systems. */
  readonly legacy: boolean;
}

/**
 * The secrets of one environment, and the seal over all of it: opens what is stored, seals what is new, and keeps what
 * did not change.
 */
export class EnvironmentSecrets {
  private constructor(
    private readonly ring: KeyRing,
    private readonly label: string,
    private readonly dataKey: DataKey,
    private readonly headerNow: () => CryptoHeader,
    private readonly form: Form,
  ) {}

  /** For a document that is about to be made. */
  static create(ring: KeyRing, document: Sealed): EnvironmentSecrets {
    const { dataKey, header } = createDataKey(ring, placeOf(document), [], HEADER_VERSION.withMac);
    const form = { current: true, macs: true, legacy: false };
    return new EnvironmentSecrets(ring, labelOf(document), dataKey, () => header, form);
  }

  /**
   * For a stored document. One that was changed past the service, a header that is not this document's, or one of
   * another key, is FAILED_PRECONDITION.
   */
  static of(ring: KeyRing, document: EnvironmentDocument): EnvironmentSecrets {
    const secrets = EnvironmentSecrets.unchecked(ring, document);
    secrets.assertIntact(document);
    return secrets;
  }

  /** As `of`, whatever the rest of the document is: for whoever looks at the MAC himself, and builds on none of it. */
  static unchecked(ring: KeyRing, document: Sealed): EnvironmentSecrets {
    const { crypto } = document;
    const label = labelOf(document);
    const place = placeOf(document);
    const macs = crypto?.v === HEADER_VERSION.withMac;
    if (!macs && ring.olderForms === 'refuse')
      throw failedPrecondition(`${label} is in an older form, and those are refused here`);
    // By the header alone, never by the look of a value: or an old form pasted into a sealed document would open.
    if (crypto === undefined) {
      const { dataKey, header } = createDataKey(ring, place, [], HEADER_VERSION.withMac);
      const form = { current: false, macs: false, legacy: true };
      return new EnvironmentSecrets(ring, label, dataKey, () => header, form);
    }
    return explained(`the secrets of ${label} cannot be opened`, () => {
      const dataKey = openDataKey(ring, place, crypto);
      const current = macs && crypto.kid === ring.active.id;
      // A read needs no other header, and during a rotation there are many reads.
      const header = () =>
        current ? crypto : rewrap(ring, place, crypto, NOT_BOUND, HEADER_VERSION.withMac);
      return new EnvironmentSecrets(ring, label, dataKey, header, { current, macs, legacy: false });
    });
  }

  /** Whether the document is in the form that is written, under the active key. */
  get current(): boolean {
    return this.form.current;
  }

  /** Whether the document has a MAC. Only its header says so, which nobody can make say otherwise. */
  get macs(): boolean {
    return this.form.macs;
  }

  /** Whether the values are in a form of earlier systems. */
  get legacy(): boolean {
    return this.form.legacy;
  }

  /** FAILED_PRECONDITION where a document was changed past the service. What has no MAC yet is taken as it is. */
  assertIntact(document: EnvironmentDocument): void {
    if (intact.has(document)) return;
    for (const source of sourcesOf(document)) this.check(source);
    intact.add(document);
  }

  isIntact(document: EnvironmentDocument): boolean {
    try {
      this.assertIntact(document);
      return true;
    } catch (error) {
      if (error instanceof DomainError) return false;
      throw error;
    }
  }

  /** The document as it is written: with its header, and with a MAC over all of it. */
  sealed(document: EnvironmentDocument): EnvironmentDocument {
    const sealed = { ...document, crypto: this.header, mac: this.macOf(document) };
    intact.add(sealed);
    return sealed;
  }

  macOf(document: EnvironmentDocument): string {
    return explained(`${this.label} cannot be sealed`, () => documentMac(this.dataKey, factsOf(document)));
  }

  /** What the document stores about its data key from its next write on: wrapped by the active key. */
  get header(): CryptoHeader {
    return this.headerNow();
  }

  /** The plaintext of a stored value. One that was altered or moved here is FAILED_PRECONDITION, naming its key. */
  open(name: string, stored: string): string {
    return explained(`the secret ${name} of ${this.label} cannot be opened`, () =>
      this.legacy ? openLegacyValue(this.ring, stored) : openValue(this.dataKey, name, stored),
    ).reveal();
  }

  /** As `open`, of a value that was parsed before. The plaintext is in UTF-8, and the caller's to zero. */
  openParsed(name: string, parsed: ParsedValue): Buffer {
    return explained(`the secret ${name} of ${this.label} cannot be opened`, () =>
      openParsedValue(this.dataKey, parsed),
    );
  }

  seal(name: string, text: string): string {
    return sealValue(this.dataKey, name, text);
  }

  /** The stored value as it stays: the same ciphertext, unless it is in an older form, which is never written. */
  keep(name: string, stored: string): string {
    return this.legacy ? this.seal(name, this.open(name, stored)) : stored;
  }

  /** Whether the stored value is this text. What cannot be opened is not, so writing it anew repairs it. */
  holds(name: string, stored: string, text: string): boolean {
    // Their lengths tell most of those that differ apart, and need no key.
    if (plaintextBytes(stored) !== Buffer.byteLength(text)) return false;
    return this.tryOpen(name, stored)?.reveal() === text;
  }

  /** Whether two stored values of one variable are the same text. What cannot be opened is the same as itself alone. */
  same(name: string, one: string, other: string): boolean {
    if (one === other) return true;
    if (plaintextBytes(one) !== plaintextBytes(other)) return false;
    const text = this.tryOpen(name, one)?.reveal();
    return text !== undefined && text === this.tryOpen(name, other)?.reveal();
  }

  /** Whether the stored value can still be opened. */
  opens(name: string, stored: string): boolean {
    return this.tryOpen(name, stored) !== undefined;
  }

  private check(document: EnvironmentDocument): void {
    if (!this.macs || intact.has(document)) return;
    explained(`${this.label} was changed past the service in version ${document.version.number}`, () => {
      checkDocumentMac(this.dataKey, factsOf(document), document.mac);
    });
    intact.add(document);
  }

  private tryOpen(name: string, stored: string): Secret | undefined {
    try {
      return this.legacy ? openLegacyValue(this.ring, stored) : openValue(this.dataKey, name, stored);
    } catch (error) {
      if (error instanceof CryptoError) return undefined;
      throw error;
    }
  }
}

/** The bytes of a stored secret's plaintext, from the length of its ciphertext alone, in every form there is. */
export function plaintextBytes(stored: string): number {
  const sealed = Buffer.byteLength(stored.replace(/^enc:v\d+:/, ''), 'base64');
  // Altered ciphertext may be too short. That is an error for whoever opens it, and nothing is opened here.
  return Math.max(0, sealed - OVERHEAD_BYTES);
}

/** As `EnvironmentSecrets.of`, for whoever needs no secret. Costs nothing where the document was looked at before. */
export function assertIntact(ring: KeyRing, document: EnvironmentDocument): void {
  if (!intact.has(document)) EnvironmentSecrets.of(ring, document);
}

/** What a document's ciphertexts are bound to. */
export function placeOf({ org, _id: id }: Sealed): Place {
  return { kind: 'environment', org, id };
}

function labelOf({ _id, slug }: Sealed): string {
  return `the environment ${slug} (${_id})`;
}

/** What cannot be opened stays so until someone acts, so it is a failed precondition and not an internal error. */
function explained<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CryptoError)
      throw failedPrecondition(`${what}: ${error.message}`, [], { cause: error });
    throw error;
  }
}
