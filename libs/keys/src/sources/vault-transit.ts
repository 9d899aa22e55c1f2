import { z } from 'zod';
import { type KeyContext, type KeyWrapper, KeyWrapperError, type KeyWrapperFailure } from './key-wrapper';

/** A replica that asks longer would be taken for dead. */
const CALL_MS = 5_000;
/** What Vault and OpenBao answer, with status 400, to a ciphertext that does not open. */
const FORGED = /message authentication failed|invalid ciphertext/i;

export interface VaultOptions {
  /** As in `https://vault.example:8200`. */
  readonly address: string;
  readonly namespace?: string;
  /** Asked at each call: an agent renews the token in its file. */
  readonly token: () => string;
  readonly mount: string;
  readonly key: string;
}

const sealedAnswer = z.object({ data: z.object({ ciphertext: z.string() }) });
const openedAnswer = z.object({ data: z.object({ plaintext: z.string() }) });
const refusal = z.object({ errors: z.array(z.string()) });

/** The Transit engine of Vault or OpenBao, by its HTTP API. The key must be of an authenticated type, as the default one is. */
export class VaultTransit implements KeyWrapper {
  readonly name: string;

  constructor(private readonly options: VaultOptions) {
    this.name = `vault-transit ${options.mount}/${options.key}`;
  }

  async wrap(key: Uint8Array, context: KeyContext): Promise<string> {
    const plaintext = Buffer.from(key).toString('base64');
    const answer = await this.call('encrypt', { plaintext, associated_data: associatedData(context) });
    return this.parse(sealedAnswer, answer).data.ciphertext;
  }

  async unwrap(sealed: string, context: KeyContext): Promise<Buffer> {
    const body = { ciphertext: sealed, associated_data: associatedData(context) };
    const answer = await this.call('decrypt', body);
    return Buffer.from(this.parse(openedAnswer, answer).data.plaintext, 'base64');
  }

  private async call(
    operation: 'encrypt' | 'decrypt',
    body: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const response = await this.send(operation, body);
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    throw this.failed(failureOf(response.status, answer), `answered with the status ${response.status}`);
  }

  private async send(operation: string, body: Readonly<Record<string, string>>): Promise<Response> {
    const { address, namespace, mount, key } = this.options;
    const headers = {
      'content-type': 'application/json',
      'x-vault-request': 'true',
      'x-vault-token': this.token(),
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
    };
    try {
      return await fetch(new URL(`/v1/${mount}/${operation}/${key}`, address), {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        // A redirect would carry the token to wherever it leads.
        redirect: 'error',
        signal: AbortSignal.timeout(CALL_MS),
      });
    } catch {
      throw this.failed('unavailable', 'did not answer');
    }
  }

  private token(): string {
    try {
      return this.options.token();
    } catch {
      throw this.failed('denied', 'cannot be asked: the file of STIGMER_VAULT_TOKEN is not readable');
    }
  }

  private parse<T>(schema: z.ZodType<T>, answer: unknown): T {
    const { success, data } = schema.safeParse(answer);
    if (!success) throw this.failed('denied', 'answered something that is not of the Transit engine');
    return data;
  }

  private failed(failure: KeyWrapperFailure, what: string): KeyWrapperError {
    return new KeyWrapperError(failure, `${this.name} ${what}`);
  }
}

/** Frozen: what was sealed opens with this alone. */
function associatedData({ ring, kid }: KeyContext): string {
  return Buffer.from(JSON.stringify(['stigmer/kek/v1', ring, kid])).toString('base64');
}

function failureOf(status: number, answer: unknown): KeyWrapperFailure {
  const { data } = refusal.safeParse(answer);
  if (status === 400 && data?.errors.some((error) => FORGED.test(error)) === true) return 'forged';
  // 412, 472 and 473 are those of replicas that are behind or stand by; 503 is a sealed Vault's.
  return status >= 500 || [412, 429, 472, 473].includes(status) ? 'unavailable' : 'denied';
}
