import type { KMSClient } from '@aws-sdk/client-kms';
import { systemErrorCode } from '@stigmer/crypto';
import { type KeyContext, type KeyWrapper, KeyWrapperError, type KeyWrapperFailure } from './key-wrapper';

const CONNECT_MS = 1_000;
const ATTEMPT_MS = 2_500;
/** Of a call with its repetitions and the search for credentials. A replica that asks longer would be taken for dead. */
const CALL_MS = 5_000;

const FORGED: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);
const PASSING: ReadonlySet<string> = new Set([
  'AbortError',
  'DependencyTimeoutException',
  'KMSInternalException',
  'KeyUnavailableException',
  'LimitExceededException',
  'ThrottlingException',
  'TimeoutError',
]);

/**
 * AWS KMS. Region, credentials and endpoint are found as the AWS SDK finds them everywhere (AWS_REGION, AWS_PROFILE,
 * a web identity's token, the instance's role, AWS_ENDPOINT_URL…). A decryption names the key that it expects, so a
 * ciphertext of somebody else's key, which our role may well be allowed to use, is refused.
 */
export class AwsKms implements KeyWrapper {
  readonly name: string;
  #client: Promise<KMSClient> | undefined;

  /** `keyId`: a key's id or ARN. An alias works until it leads to another key. */
  constructor(private readonly keyId: string) {
    this.name = `aws-kms ${keyId}`;
  }

  async wrap(key: Uint8Array, context: KeyContext): Promise<string> {
    const { EncryptCommand } = await sdk();
    const command = new EncryptCommand({
      KeyId: this.keyId,
      Plaintext: key,
      EncryptionContext: encryptionContext(context),
    });
    const { CiphertextBlob } = await this.call((client, options) => client.send(command, options));
    return Buffer.from(this.present(CiphertextBlob)).toString('base64');
  }

  async unwrap(sealed: string, context: KeyContext): Promise<Buffer> {
    const { DecryptCommand } = await sdk();
    const command = new DecryptCommand({
      KeyId: this.keyId,
      CiphertextBlob: Buffer.from(sealed, 'base64'),
      EncryptionContext: encryptionContext(context),
    });
    const { Plaintext } = await this.call((client, options) => client.send(command, options));
    const { buffer, byteOffset, byteLength } = this.present(Plaintext);
    // The same memory, so that who zeroes it zeroes the SDK's copy.
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  private async call<T>(
    send: (client: KMSClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await send(await (this.#client ??= connect()), { abortSignal: AbortSignal.timeout(CALL_MS) });
    } catch (error) {
      const name = nameOf(error);
      // The SDK's message is left out: some quote the signed request, the session token in it.
      throw new KeyWrapperError(failureOf(error, name), `${this.name} failed with ${name}`);
    }
  }

  private present<T>(part: T | undefined): T {
    if (part === undefined) throw new KeyWrapperError('denied', `${this.name} answered nothing`);
    return part;
  }
}

/** Loaded with the first call: who does not use AWS does not pay for its SDK in memory. */
const sdk = () => import('@aws-sdk/client-kms');

async function connect(): Promise<KMSClient> {
  const { KMSClient } = await sdk();
  return new KMSClient({
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ATTEMPT_MS,
      throwOnRequestTimeout: true,
    },
  });
}

/** Authenticated by KMS, and what its policies can allow by and its audit trail shows. Frozen: it lies in ciphertexts. */
function encryptionContext({ ring, kid }: KeyContext): Record<string, string> {
  return { 'stigmer:ring': ring, 'stigmer:kid': kid };
}

function failureOf(error: unknown, name: string): KeyWrapperFailure {
  if (FORGED.has(name)) return 'forged';
  if (PASSING.has(name)) return 'unavailable';
  const { sent, status } = attemptOf(error);
  // Without an answer it is the network, unless it was never sent, for want of credentials or of a region.
  if (status === undefined) return sent && name !== 'CredentialsProviderError' ? 'unavailable' : 'denied';
  return status >= 500 || status === 429 ? 'unavailable' : 'denied';
}

/** An exception of KMS by its name; what never reached it by the code of the system (`ECONNREFUSED`…). */
function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('name' in error)) return 'an unknown error';
  return error.name === 'Error' ? (systemErrorCode(error) ?? 'an unknown error') : String(error.name);
}

/** What the SDK notes at its errors. */
function attemptOf(error: unknown): { readonly sent: boolean; readonly status?: number } {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return { sent: false };
  const { httpStatusCode: status } = error.$metadata as { readonly httpStatusCode?: number };
  return { sent: true, status };
}
