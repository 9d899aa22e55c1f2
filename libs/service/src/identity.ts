import { createPrivateKey, createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';

/** Everyone who may hold a service identity; also the audiences of the tokens. */
export const SERVICE_NAMES = [
  'gateway',
  'environment-service',
  'execution-context-service',
  'resolver-service',
  'control-plane',
  'workflow-runner',
] as const;

/** The name of one service of this system. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

const ALGORITHM = 'EdDSA';
const LIFETIME_SECONDS = 60;
const CLOCK_SKEW_SECONDS = 30;
/** A cached token is replaced while it still has this long to live, so that none expires on its way. */
const RENEW_BEFORE_MS = 20_000;
/** Every service holds one token per callee and makes another one each minute: far fewer than this are alive. */
const REMEMBERED_TOKENS = 1_000;

/** A service's own Ed25519 key: signs a short-lived token per callee. */
export class Identity {
  private readonly tokens = new Map<ServiceName, { readonly token: string; readonly renewAt: number }>();

  constructor(
    readonly name: ServiceName,
    private readonly key: KeyObject,
  ) {}

  /** Reads a private JWK whose `kid` is the service's name. */
  static fromJwk(text: string): Identity {
    const jwk = parseEd25519(text);
    return new Identity(serviceName(jwk.kid), createPrivateKey({ key: jwk, format: 'jwk' }));
  }

  /** A token that only `audience` accepts. */
  async token(audience: ServiceName, now = Date.now()): Promise<string> {
    const cached = this.tokens.get(audience);
    if (cached !== undefined && now < cached.renewAt) return cached.token;
    const issuedAt = Math.floor(now / 1000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: this.name })
      .setIssuer(this.name)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(this.key);
    this.tokens.set(audience, { token, renewAt: (issuedAt + LIFETIME_SECONDS) * 1000 - RENEW_BEFORE_MS });
    return token;
  }
}

/** A token that was found good: whose it is, and between which times it need not be verified again. */
interface Verified {
  readonly name: ServiceName;
  readonly from: number;
  readonly until: number;
}

/** The public keys this service believes, by the name of their holder. */
export class TrustedIdentities {
  /**
   * Tokens that were verified, by their hash. Callers use theirs for some forty seconds, and a signature costs a
   * hundred microseconds. Only good tokens are here, so no stranger can fill it; and none is longer than it is good.
   */
  private readonly verified = new Map<string, Verified>();

  constructor(private readonly keys: ReadonlyMap<ServiceName, KeyObject>) {}

  /** Reads a JWKS; each key's `kid` is its holder's name. */
  static fromJwks(text: string): TrustedIdentities {
    const set = JSON.parse(text) as { readonly keys?: unknown };
    if (!Array.isArray(set.keys) || set.keys.length === 0) throw new Error('is not a JWKS with keys');
    const keys = new Map<ServiceName, KeyObject>();
    for (const entry of set.keys as readonly JsonWebKey[]) {
      const name = serviceName(entry.kid);
      if (keys.has(name)) throw new Error(`names ${name} twice`);
      keys.set(name, createPublicKey({ key: entry, format: 'jwk' }));
    }
    return new TrustedIdentities(keys);
  }

  /** Who signed the token; rejects when it is forged, expired, from a stranger or meant for someone else. */
  async verify(token: string, audience: ServiceName, now = Date.now()): Promise<ServiceName> {
    const key = hash('sha256', `${audience} ${token}`, 'base64');
    const known = this.verified.get(key);
    if (known !== undefined && now >= known.from && now < known.until) return known.name;
    this.verified.delete(key);
    const verified = await this.verifySignature(token, audience, now);
    this.remember(key, verified);
    return verified.name;
  }

  private async verifySignature(token: string, audience: ServiceName, now: number): Promise<Verified> {
    const { payload, protectedHeader } = await jwtVerify(token, (header) => this.keyOf(header.kid), {
      // One algorithm, named here and not by the token: no downgrade to `none` or to a shared secret.
      algorithms: [ALGORITHM],
      audience,
      requiredClaims: ['iss', 'aud', 'iat', 'exp'],
      maxTokenAge: LIFETIME_SECONDS,
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(now),
    });
    // The key decides who the caller is. A token that names another issuer than its key's holder is forged.
    if (payload.iss !== protectedHeader.kid) throw new Error('the issuer is not the holder of the key');
    const { iat = 0, exp = 0 } = payload;
    return {
      name: serviceName(payload.iss),
      from: (iat - CLOCK_SKEW_SECONDS) * 1_000,
      until: Math.min(exp, iat + LIFETIME_SECONDS) * 1_000,
    };
  }

  private remember(key: string, verified: Verified): void {
    this.verified.set(key, verified);
    if (this.verified.size <= REMEMBERED_TOKENS) return;
    const [oldest = ''] = this.verified.keys();
    this.verified.delete(oldest);
  }

  private keyOf(kid: string | undefined): KeyObject {
    const key = this.keys.get(serviceName(kid));
    if (key === undefined) throw new Error('no key is known for this issuer');
    return key;
  }
}

function parseEd25519(text: string): JsonWebKey {
  const jwk = JSON.parse(text) as JsonWebKey;
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') throw new Error('is not an Ed25519 JWK');
  return jwk;
}

function serviceName(name: unknown): ServiceName {
  const known = SERVICE_NAMES.find((candidate) => candidate === name);
  if (known === undefined) throw new Error('kid is not the name of a service');
  return known;
}
