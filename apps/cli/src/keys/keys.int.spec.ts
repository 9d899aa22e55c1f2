import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { failedPrecondition, permissionDenied, unavailable } from '@stigmer/domain';
import { ContextKeyController, EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { KeyRingStatusSchema, KeyState, type KeyVerificationSchema } from '@stigmer/proto/agentic/key/v1/io';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { type MemoryIo, memoryIo } from '../testing/memory-io';

type Verification = MessageInitShape<typeof KeyVerificationSchema>;

const ACTIVE = 'aa11000000000001';
const STANDBY = 'aa22000000000002';
const RETIRED = 'bb33000000000003';

let server: FakeServer;
let home: string;
let calls: string[];
let rewraps: (() => { running: boolean; done: bigint; total: bigint; failed?: bigint })[];
let verifications: readonly Verification[];

const ringOf = (ring: string, rewrap?: object) =>
  create(KeyRingStatusSchema, {
    ring,
    sources: ['directory /home/ada/.stigmer/keys'],
    keys: [
      { id: ACTIVE, state: KeyState.ACTIVE, documents: 12n, holders: 2 },
      { id: STANDBY, state: KeyState.STANDBY, documents: 30n, holders: 1 },
      { id: RETIRED, state: KeyState.RETIRED },
    ],
    documents: 42n,
    legacyValues: 7n,
    documentsWithoutMac: 9n,
    rewrap,
    replicas: [
      { id: 'one', active: ACTIVE },
      { id: 'two', active: ACTIVE },
    ],
  });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stigmer-keys-'));
  await writeFile(join(home, 'token'), 'the-local-token');
  calls = [];
  rewraps = [];
  verifications = [];
  server = await new FakeServer()
    .serve(EnvironmentKeyController, {
      status: (_request, { metadata }) => {
        if (metadata.get('x-stigmer-local-token')[0] !== 'the-local-token')
          throw permissionDenied('for the owner');
        return Promise.resolve(ringOf('environment', rewraps.shift()?.()));
      },
      add: () => Promise.reject(failedPrecondition('put another key into the file')),
      promote: ({ id }) => {
        calls.push(`promote ${id}`);
        return Promise.resolve(ringOf('environment'));
      },
      retire: ({ id }) => {
        calls.push(`retire ${id}`);
        return Promise.reject(failedPrecondition(`the key ${id} is needed by 30 documents: re-wrap first`));
      },
      rewrap: () => Promise.resolve(ringOf('environment', rewraps.shift()?.())),
      async *verify() {
        await Promise.resolve();
        yield* verifications;
      },
    })
    .serve(ContextKeyController, { status: () => Promise.resolve(ringOf('context')) })
    .listen();
});
afterEach(async () => {
  server.close();
  await rm(home, { recursive: true });
});

async function keys(words: string, io: MemoryIo = memoryIo({ input: '' })) {
  const code = await run(['--address', server.address, '--home', home, 'keys', ...words.split(' ')], io);
  return { code, ...io.written };
}

describe('stigmer keys', () => {
  it('shows every key with its state, what needs it, and who holds it', async () => {
    const { code, stdout } = await keys('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/aa11000000000001 +active +12 +2 of 2/);
    expect(stdout).toMatch(/aa22000000000002 +standby +30 +1 of 2/);
    expect(stdout).toMatch(/bb33000000000003 +retired +0/);
    expect(stdout).toMatch(/in older forms +7 values/);
    expect(stdout).toMatch(/without a MAC +9 documents/);
    expect(stdout).toContain('one (wraps with aa11000000000001)');
  });

  it('asks the ring that is named, and answers scripts in the contract’s names', async () => {
    const { code, stdout } = await keys('status --ring context --output json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ring: 'context',
      legacy_values: '7',
      documents_without_mac: '9',
      keys: [{ id: ACTIVE }, {}, {}],
    });
  });

  it('needs the local token', async () => {
    await rm(join(home, 'token'));
    expect(await keys('status')).toMatchObject({ code: 2, stderr: expect.stringContaining('local token') });
    await writeFile(join(home, 'token'), 'another');
    expect(await keys('status')).toMatchObject({ code: 5, stderr: expect.stringContaining('for the owner') });
    await writeFile(join(home, 'token'), 'the-local-token');
  });

  it('takes the beginning of an id that means one key, and no other', async () => {
    expect(await keys('promote aa2')).toMatchObject({ code: 0 });
    expect(calls).toEqual([`promote ${STANDBY}`]);
    expect(await keys('promote aa')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`aa may be any of ${ACTIVE}, ${STANDBY}`),
    });
    expect(await keys('promote cc')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('begins with cc'),
    });
    expect(calls).toHaveLength(1);
  });

  it('passes on why a key is not retired, and how to add one where the server cannot', async () => {
    expect(await keys('retire aa22')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is needed by 30 documents'),
    });
    expect(await keys('add')).toMatchObject({ code: 4, stderr: expect.stringContaining('put another key') });
  });

  describe('a re-wrap', () => {
    const running = (done: bigint) => () => ({ running: true, done, total: 40n });

    it('shows a bar on a terminal until it is finished, a restart of the server between', async () => {
      const away = () => {
        throw unavailable('restarting');
      };
      const finished = () => ({ running: false, done: 40n, total: 40n });
      rewraps = [running(0n), running(10n), away, running(20n), finished];
      const { code, stdout, stderr } = await keys('rewrap', memoryIo({ input: '', terminal: true }));
      expect(code).toBe(0);
      expect(stderr).toContain('\r[============>           ] 20 of 40 documents');
      expect(stderr).toContain('[========================] 40 of 40 documents');
      expect(stdout).toMatch(/re-wrap +finished/);
    });

    it('writes no bar into a log', async () => {
      rewraps = [running(0n), running(10n), () => ({ running: false, done: 40n, total: 40n })];
      expect(await keys('rewrap')).toMatchObject({ code: 0, stderr: '' });
    });

    it('fails when something could not be opened', async () => {
      rewraps = [() => ({ running: false, done: 39n, total: 40n, failed: 1n })];
      const { code, stdout } = await keys('rewrap');
      expect(code).toBe(1);
      expect(stdout).toContain('1 could not be opened: `stigmer keys verify` names them');
    });

    it('is left alone with --no-wait', async () => {
      rewraps = [running(3n)];
      const { code, stderr } = await keys('rewrap --no-wait');
      expect(code).toBe(0);
      expect(stderr).toContain('goes on in the background');
    });

    it('goes on when the watching is interrupted', async () => {
      rewraps = Array.from({ length: 1_000 }, () => running(3n));
      const io = memoryIo({ input: '' });
      const ended = keys('rewrap', io);
      const signals = io.signals as NodeJS.EventEmitter;
      while (signals.listenerCount('SIGINT') === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      signals.emit('SIGINT');
      expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('goes on without us') });
    });
  });

  describe('a verification', () => {
    it('says that everything opens', async () => {
      verifications = [
        { total: 42n, checked: 20n },
        { total: 42n, checked: 42n, finished: true },
      ];
      expect(await keys('verify')).toMatchObject({
        code: 0,
        stdout: '42 documents: every key and every value opens\n',
      });
    });

    it('names what does not open, and fails', async () => {
      const failures = [{ documentId: 'env-1@3', name: 'TOKEN', reason: 'was altered' }];
      verifications = [
        { total: 42n, checked: 20n, failures },
        { total: 42n, checked: 42n, finished: true },
      ];
      const { code, stdout } = await keys('verify');
      expect(code).toBe(1);
      expect(stdout).toMatch(/env-1@3 +TOKEN +was altered/);
      expect(JSON.parse((await keys('verify -o json')).stdout)).toEqual({
        checked: '42',
        failures: [{ document_id: 'env-1@3', name: 'TOKEN', reason: 'was altered' }],
      });
    });

    it('does not take a stream that was cut off for an answer', async () => {
      verifications = [{ total: 42n, checked: 20n }];
      expect(await keys('verify')).toMatchObject({ code: 6, stdout: '' });
    });
  });
});
