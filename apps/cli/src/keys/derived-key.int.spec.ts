import { chmodSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { deriveContextKey, importKey } from '@stigmer/crypto';
import { unavailable } from '@stigmer/domain';
import { ContextKeyController, EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { KeyRingStatusSchema, KeyState } from '@stigmer/proto/agentic/key/v1/io';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { memoryIo } from '../testing/memory-io';

const root = randomBytes(32);
const ROOT = importKey(Buffer.from(root)).id;
const DERIVED = importKey(deriveContextKey(root)).id;
const OTHER = 'aa11000000000001';

let server: FakeServer;
let home: string;
let contextState: KeyState | 'absent' | 'down';

const ringOf = (ring: string, keys: readonly { readonly id: string; readonly state: KeyState }[]) =>
  Promise.resolve(create(KeyRingStatusSchema, { ring, keys: [...keys] }));

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stigmer-derived-'));
  writeFileSync(join(home, 'token'), 'the-local-token');
  writeFileSync(join(home, 'encryption.key'), root, { mode: 0o600 });
  contextState = KeyState.ACTIVE;
  const environments = ringOf('environment', [
    { id: ROOT, state: KeyState.STANDBY },
    { id: OTHER, state: KeyState.ACTIVE },
  ]);
  server = await new FakeServer()
    .serve(EnvironmentKeyController, { status: () => environments, retire: () => environments })
    .serve(ContextKeyController, {
      status: () => {
        if (contextState === 'down') throw unavailable('down');
        return ringOf('context', contextState === 'absent' ? [] : [{ id: DERIVED, state: contextState }]);
      },
      retire: () => ringOf('context', []),
    })
    .listen();
});
afterEach(async () => {
  server.close();
  await rm(home, { recursive: true });
});

async function retired(id: string, ...more: readonly string[]): Promise<string> {
  const io = memoryIo({ input: '' });
  const words = ['--address', server.address, '--home', home, 'keys', 'retire', id, ...more];
  expect(await run(words, io)).toBe(0);
  const text = io.written.stdout + io.written.stderr;
  for (const form of ['hex', 'base64', 'latin1'] as const) expect(text).not.toContain(root.toString(form));
  return io.written.stderr;
}

describe('The retirement of a laptop’s root key', () => {
  it.each([
    ['wraps', KeyState.ACTIVE],
    ['opens', KeyState.STANDBY],
  ])(
    'says that the context ring’s key that is derived from it still %s, and how it ends',
    async (_, state) => {
      contextState = state;
      const said = await retired(ROOT);
      expect(said).toContain(`the context ring's key ${DERIVED} is derived from the retired one`);
      expect(said).toContain('stigmer keys add --ring context');
    },
  );

  it('says so too where nobody can tell', async () => {
    contextState = 'down';
    expect(await retired(ROOT)).toContain(DERIVED);
  });

  it.each(['absent', KeyState.RETIRED] as const)(
    'says nothing where that one is retired or was never used (%s)',
    async (state) => {
      contextState = state;
      expect(await retired(ROOT)).toBe('');
    },
  );

  it('is the only one that says so: not another key’s, and not one on a home without a root key', async () => {
    expect(await retired(OTHER)).toBe('');
    chmodSync(join(home, 'encryption.key'), 0o644);
    expect(await retired(ROOT)).toBe('');
    await rm(join(home, 'encryption.key'));
    expect(await retired(ROOT)).toBe('');
    contextState = KeyState.ACTIVE;
    expect(await retired(DERIVED, '--ring', 'context')).toBe('');
  });
});
