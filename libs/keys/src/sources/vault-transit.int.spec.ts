import { randomBytes } from 'node:crypto';
import { formsOf, printed } from '../testing/canary';
import { startTransit, type TransitServer } from '../testing/transit-server';
import { type KeyContext, KeyWrapperError } from './key-wrapper';
import { VaultTransit } from './vault-transit';

const { STIGMER_TEST_VAULT_ADDRESS: realAddress, STIGMER_TEST_VAULT_TOKEN: realToken = '' } = process.env;
const WHERE =
  realAddress === undefined
    ? 'a server that answers as documented, for STIGMER_TEST_VAULT_ADDRESS names no real one'
    : 'the real server that STIGMER_TEST_VAULT_ADDRESS names';

const mount = `stigmer-spec-${randomBytes(4).toString('hex')}`;
const here: KeyContext = { ring: 'environment', kid: '0123456789abcdef' };
let server: TransitServer;

async function ask(path: string, method: string, body?: unknown): Promise<void> {
  const response = await fetch(`${server.address}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': server.token },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}

beforeAll(async () => {
  server =
    realAddress === undefined
      ? await startTransit()
      : { address: realAddress, token: realToken, stop: () => ask(`sys/mounts/${mount}`, 'DELETE') };
  await ask(`sys/mounts/${mount}`, 'POST', { type: 'transit' });
  await ask(`${mount}/keys/stigmer`, 'POST', {});
  await ask(`${mount}/keys/other`, 'POST', {});
});
afterAll(async () => {
  await server.stop();
});

function transit(changes: Partial<ConstructorParameters<typeof VaultTransit>[0]> = {}): VaultTransit {
  const { address, token } = server;
  return new VaultTransit({ address, token: () => token, mount, key: 'stigmer', ...changes });
}

async function failureOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof KeyWrapperError) return error.failure;
    throw error;
  }
  return 'opened';
}

describe(`Vault Transit, at ${WHERE}`, () => {
  it('unwraps what it wrapped, and wraps nothing the same way twice', async () => {
    const key = randomBytes(32);
    const [one, two] = [await transit().wrap(key, here), await transit().wrap(key, here)];
    expect(one).toMatch(/^vault:v1:/);
    expect(two).not.toBe(one);
    expect(await transit().unwrap(one, here)).toEqual(key);
  });

  it('refuses what was sealed for another ring or fingerprint, or by another of its keys', async () => {
    const sealed = await transit().wrap(randomBytes(32), here);
    expect(await failureOf(transit().unwrap(sealed, { ...here, ring: 'context' }))).toBe('forged');
    expect(await failureOf(transit().unwrap(sealed, { ...here, kid: 'fedcba9876543210' }))).toBe('forged');
    expect(await failureOf(transit({ key: 'other' }).unwrap(sealed, here))).toBe('forged');
  });

  it('refuses what was altered', async () => {
    const sealed = await transit().wrap(randomBytes(32), here);
    const bytes = Buffer.from(sealed.slice('vault:v1:'.length), 'base64');
    for (const at of [0, 12, 30, bytes.length - 1]) {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      expect(await failureOf(transit().unwrap(`vault:v1:${altered.toString('base64')}`, here))).toBe(
        'forged',
      );
    }
    expect(await failureOf(transit().unwrap('no ciphertext', here))).toBe('forged');
  });

  it('is denied with a wrong token and with a key that is not there', async () => {
    const sealed = await transit().wrap(randomBytes(32), here);
    expect(await failureOf(transit({ token: () => 'hvs.wrong' }).unwrap(sealed, here))).toBe('denied');
    expect(await failureOf(transit({ key: 'none' }).unwrap(sealed, here))).toBe('denied');
  });

  it('asks for the token at each call, and is denied while there is none', async () => {
    let token: string | undefined = 'hvs.expired';
    const renewed = transit({
      token: () => {
        if (token === undefined) throw new Error('canary of a path');
        return token;
      },
    });
    expect(await failureOf(renewed.wrap(randomBytes(32), here))).toBe('denied');
    token = server.token;
    expect(await failureOf(renewed.wrap(randomBytes(32), here))).toBe('opened');
    token = undefined;
    expect(await failureOf(renewed.wrap(randomBytes(32), here))).toBe('denied');
  });

  it('is unavailable when nobody listens', async () => {
    const nowhere = transit({ address: 'http://127.0.0.1:1' });
    expect(await failureOf(nowhere.wrap(randomBytes(32), here))).toBe('unavailable');
  });

  it('shows neither a key nor a token in an error', async () => {
    const key = randomBytes(32);
    const sealed = await transit().wrap(key, here);
    const errors = await Promise.all([
      transit({ token: () => 'canary-token' })
        .wrap(key, here)
        .catch(String),
      transit({ address: 'http://127.0.0.1:1' })
        .wrap(key, here)
        .catch((error: unknown) => error),
      transit({ key: 'other' })
        .unwrap(sealed, here)
        .catch((error: unknown) => error),
    ]);
    const text = printed(errors);
    expect(text).toContain(`vault-transit ${mount}/other answered with the status 400`);
    for (const form of [...formsOf(key), 'canary-token', server.token]) expect(text).not.toContain(form);
  });
});
