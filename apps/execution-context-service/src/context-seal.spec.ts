import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { importKey, KeyRing } from '@stigmer/crypto';
import { DomainError } from '@stigmer/domain';
import { ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { createLogger } from '@stigmer/service';
import type { ContextDocument } from './context-document';
import { ContextSeal } from './context-seal';

const CANARY = 'canary-3c9d';
const DAY = 86_400_000;
const key = importKey(randomBytes(32));
const seal = sealWith(new KeyRing(key));
const content = {
  data: { TOKEN: create(ExecutionValueSchema, { value: CANARY, isSecret: true }) },
  digest: Uint8Array.of(1, 2, 3),
};

function sealWith(ring: KeyRing): ContextSeal {
  const keys = {
    toSeal: () => Promise.resolve(ring),
    toOpen: () => Promise.resolve(ring),
    mayBeGone: () => false,
  };
  return new ContextSeal(keys, createLogger('execution-context-service', 'silent'));
}

async function sealed(over: Partial<ContextDocument> = {}): Promise<ContextDocument> {
  const made = { by: 'alice', at: new Date(1_000) };
  const facts = {
    ...({ _id: 'exec-1', execution_id: 'aex-1', origin: 'run', org: 'acme', slug: 'exec-1' } as const),
    metadata: create(ApiResourceMetadataSchema),
    version: { id: 'ver-1', message: '', previous: '' },
    ...{ created: made, updated: made, expires_at: new Date(DAY) },
    ...over,
  };
  return { ...facts, ...(await seal.seal(facts, content)) };
}

async function refusal(action: Promise<unknown>): Promise<DomainError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

describe('A sealed context', () => {
  it('opens to what was sealed, its digest too', async () => {
    expect(await seal.open(await sealed())).toEqual(content);
  });

  it('shows nothing of what is in it, not even the names', async () => {
    const bytes = (await sealed()).sealed.toString('latin1');
    expect(bytes).not.toContain(CANARY);
    expect(bytes).not.toContain('TOKEN');
  });

  it('is never sealed twice alike', async () => {
    const [one, other] = [await sealed(), await sealed()];
    expect(one.sealed.equals(other.sealed)).toBe(false);
    expect(one.crypto.wdek).not.toBe(other.crypto.wdek);
    expect(one.crypto.commitment).not.toBe(other.crypto.commitment);
  });

  it.each<[string, Partial<ContextDocument>]>([
    ['another execution', { execution_id: 'aex-2' }],
    ['another organization', { org: 'other' }],
    ['a run, when a client made it', { origin: 'gateway' }],
    ['another document', { _id: 'exec-2' }],
    ['another creator', { created: { by: 'mallory', at: new Date(1_000) } }],
    ['a later birth, to live longer', { created: { by: 'alice', at: new Date(2_000) } }],
    ['a later expiry', { expires_at: new Date(2 * DAY) }],
    ['an earlier expiry', { expires_at: new Date(DAY - 1) }],
  ])('does not open for %s', async (_, altered) => {
    const error = await refusal(seal.open({ ...(await sealed()), ...altered }));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain(`the context of ${altered.execution_id ?? 'aex-1'} cannot be opened`);
  });

  it('does not open when any bit of it was changed', async () => {
    const { sealed: blob, ...document } = await sealed();
    for (let at = 0; at < blob.length; at++) {
      const changed = Buffer.from(blob);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      const error = await refusal(seal.open({ ...document, sealed: changed }));
      expect(error.kind).toBe('failed-precondition');
    }
  });

  it('names the key that it needs and the keys that are there, and no value', async () => {
    const other = importKey(randomBytes(32));
    const error = await refusal(sealWith(new KeyRing(other)).open(await sealed()));
    expect(error.message).toBe(
      `the context of aex-1 cannot be opened: needs the encryption key ${key.id}, configured: ${other.id}`,
    );
  });
});

describe('A renewed context', () => {
  async function renewed(before: ContextDocument, until: Date, by = seal): Promise<ContextDocument> {
    const renewal = await by.renewal(before);
    return { ...before, expires_at: until, crypto: await renewal(until) };
  }

  it('opens under the new expiry alone, its blob being the same', async () => {
    const before = await sealed();
    const later = new Date(2 * DAY);
    const after = await renewed(before, later);
    expect(after.sealed).toBe(before.sealed);
    expect(await seal.open(after)).toEqual(content);
    for (const mixed of [
      { ...after, expires_at: before.expires_at },
      { ...before, expires_at: later },
    ]) {
      expect((await refusal(seal.open(mixed))).kind).toBe('failed-precondition');
    }
  });

  it('is not made from one whose expiry was altered', async () => {
    const altered = { ...(await sealed()), expires_at: new Date(3 * DAY) };
    const error = await refusal(renewed(altered, new Date(4 * DAY)));
    expect(error.message).toContain('the context of aex-1');
  });

  it('is wrapped by the active key', async () => {
    const next = importKey(randomBytes(32));
    const before = await sealed();
    const after = await renewed(before, new Date(2 * DAY), sealWith(new KeyRing(next, [key])));
    expect(after.crypto.kid).toBe(next.id);
    expect(after.crypto.commitment).toBe(before.crypto.commitment);
    expect(await sealWith(new KeyRing(next)).open(after)).toEqual(content);
  });
});
