import { SignJWT } from 'jose';
import { createPrivateKey } from 'node:crypto';
import { Identity, type ServiceName, TrustedIdentities } from './identity';
import { testIdentities } from './testing/identities';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const keys = testIdentities();
const resolver = keys.identity('resolver-service');

describe('a service identity', () => {
  it('names its holder to the callee it is meant for', async () => {
    const token = await resolver.token('environment-service', NOW);
    await expect(keys.trusted.verify(token, 'environment-service', NOW)).resolves.toBe('resolver-service');
  });

  it('is refused by a callee it is not meant for', async () => {
    const token = await resolver.token('environment-service', NOW);
    await expect(keys.trusted.verify(token, 'execution-context-service', NOW)).rejects.toThrow(/aud/);
  });

  it('is accepted up to 30 seconds after its 60, and from a clock 30 seconds ahead, and not beyond', async () => {
    const token = await resolver.token('control-plane', NOW);
    const verify = (seconds: number) => keys.trusted.verify(token, 'control-plane', NOW + seconds * 1000);
    await expect(verify(89)).resolves.toBe('resolver-service');
    await expect(verify(-29)).resolves.toBe('resolver-service');
    await expect(verify(91)).rejects.toThrow();
    await expect(verify(-31)).rejects.toThrow();
  });

  it('that was accepted is refused all the same by another callee, before its time and after it', async () => {
    const token = await resolver.token('control-plane', NOW);
    const verify = (callee: ServiceName, seconds: number) =>
      keys.trusted.verify(token, callee, NOW + seconds * 1000);
    await expect(verify('control-plane', 0)).resolves.toBe('resolver-service');
    await expect(verify('control-plane', 59)).resolves.toBe('resolver-service');
    await expect(verify('gateway', 0)).rejects.toThrow(/aud/);
    await expect(verify('control-plane', -31)).rejects.toThrow();
    await expect(verify('control-plane', 0)).resolves.toBe('resolver-service');
    await expect(verify('control-plane', 91)).rejects.toThrow();
  });

  it('that was accepted is no pass for one that differs in its signature', async () => {
    const token = await resolver.token('control-plane', NOW);
    await expect(keys.trusted.verify(token, 'control-plane', NOW)).resolves.toBe('resolver-service');
    const [header, payload, signature = ''] = token.split('.');
    const altered = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await expect(keys.trusted.verify(altered, 'control-plane', NOW)).rejects.toThrow(/signature/);
  });

  it('is refused when it was signed for longer than a minute', async () => {
    const token = await forge({ iss: 'resolver-service', kid: 'resolver-service', lifetime: 3600 });
    await expect(keys.trusted.verify(token, 'control-plane', NOW + 120_000)).rejects.toThrow();
  });

  it('is refused when its issuer is not the holder of the key', async () => {
    const token = await forge({ iss: 'gateway', kid: 'resolver-service' });
    await expect(keys.trusted.verify(token, 'control-plane', NOW)).rejects.toThrow(/holder/);
  });

  it('is refused when another key signed it', async () => {
    const token = await forge({ iss: 'gateway', kid: 'gateway' });
    await expect(keys.trusted.verify(token, 'control-plane', NOW)).rejects.toThrow(/signature/);
  });

  it('is refused without a signature', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iss: 'gateway', aud: 'control-plane', iat: NOW / 1000, exp: NOW / 1000 + 60 };
    const token = `${part({ alg: 'none', kid: 'gateway' })}.${part(claims)}.`;
    await expect(keys.trusted.verify(token, 'control-plane', NOW)).rejects.toThrow();
  });

  it('is refused from a stranger', async () => {
    const stranger = testIdentities().identity('gateway');
    await expect(
      keys.trusted.verify(await stranger.token('control-plane', NOW), 'control-plane', NOW),
    ).rejects.toThrow();
  });

  it('is signed once per callee and replaced before it expires', async () => {
    const first = await resolver.token('gateway', NOW);
    expect(await resolver.token('gateway', NOW + 30_000)).toBe(first);
    expect(await resolver.token('gateway', NOW + 41_000)).not.toBe(first);
  });

  it('reads only an Ed25519 key of a known service, each named once', () => {
    expect(() => Identity.fromJwk('{"kty":"RSA"}')).toThrow('Ed25519');
    expect(() => Identity.fromJwk(keys.privateJwk.gateway.replace('"gateway"', '"mallory"'))).toThrow('kid');
    const { keys: entries } = JSON.parse(keys.jwks) as { keys: object[] };
    expect(() => TrustedIdentities.fromJwks(JSON.stringify({ keys: [entries[0], entries[0]] }))).toThrow(
      'twice',
    );
  });
});

/** A token signed with the resolver's key, whatever it claims. */
function forge({
  iss,
  kid,
  lifetime = 60,
}: {
  iss: string;
  kid: string;
  lifetime?: number;
}): Promise<string> {
  const jwk = JSON.parse(keys.privateJwk['resolver-service']) as Parameters<typeof createPrivateKey>[0] &
    object;
  return new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .setIssuer(iss)
    .setAudience('control-plane')
    .setIssuedAt(NOW / 1000)
    .setExpirationTime(NOW / 1000 + lifetime)
    .sign(createPrivateKey({ key: jwk, format: 'jwk' } as never));
}
