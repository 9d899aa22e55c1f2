import { createCipheriv, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { parseKey } from '@stigmer/crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import {
  type Key,
  type KeyRingStatus,
  KeyState,
  type KeyVerificationFailure,
} from '@stigmer/proto/agentic/key/v1/io';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { type Collection, type Connection, createConnection } from 'mongoose';
import { startEnvironmentService, type TestService } from './testing/environment-service';

const CANARY = 'canary-7f3a9c1e';
const DEADLINE_MS = 60_000;
const PATIENT = { deadlineMs: DEADLINE_MS };
const key = randomBytes(32);
const rootId = parseKey(key.toString('base64')).id;

interface Row {
  readonly _id: string;
  readonly crypto?: { readonly kid: string; readonly wdek: string };
  readonly data: Readonly<Record<string, { readonly value: string; readonly is_secret: boolean }>>;
  readonly version: object;
  readonly updated: object;
}

let mongo: EmbeddedServer & { readonly url: string };
let connection: Connection;
let rows: Collection<Row>;
let folder: string;
let service: TestService;
let client: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stigmer-environment-keys-'));
  service = await startService();
  client = service.as('gateway');
  connection = await createConnection(mongo.url, { dbName: 'stigmer_environments' }).asPromise();
  rows = connection.collection<Row>('environments');
});
afterEach(async () => {
  await service.close();
  await connection.dropDatabase();
  await connection.close();
  await rm(folder, { recursive: true });
});
afterAll(() => mongo.stop());

const startService = (): Promise<TestService> =>
  startEnvironmentService({
    mongoUrl: mongo.url,
    key: key.toString('base64'),
    keyStore: `directory:${join(folder, 'keys')}`,
  });

const environment = (name: string, value: string): Environment =>
  create(EnvironmentSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: { name, org: 'acme', ownerScope: ApiResourceOwnerScope.organization },
    spec: { data: { TOKEN: { value, isSecret: true }, PLAIN: { value: 'plain' } } },
  });

const made = async (name: string, value = CANARY): Promise<string> =>
  (await client.commands.apply(environment(name, value))).metadata?.id ?? '';

const secretOf = async (environmentId: string): Promise<string> =>
  (await client.queries.getSecretValue({ environmentId, key: 'TOKEN' }, service.owner)).value;

const status = (): Promise<KeyRingStatus> => client.keys.status({}, service.owner);
const owned = () => ({ ...service.owner, ...PATIENT });

const keyOf = (ring: KeyRingStatus, id: string): Key => {
  const found = ring.keys.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no key ${id}`);
  return found;
};

const added = async (): Promise<string> => {
  const { keys } = await client.keys.add({}, owned());
  return keys.find(({ state }) => state === KeyState.STANDBY)?.id ?? '';
};

const withoutHeader = (row: Row): object => ({ ...row, crypto: undefined });

const rewrapped = async (): Promise<KeyRingStatus> => {
  await client.keys.rewrap({}, owned());
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const ring = await status();
    if (ring.rewrap?.running === false) return ring;
    if (Date.now() > deadline) throw new Error('the re-wrap is not finished in time');
    await sleep(50);
  }
};

const verified = async (): Promise<readonly KeyVerificationFailure[]> => {
  const failures: KeyVerificationFailure[] = [];
  for await (const step of client.keys.verify({}, owned())) failures.push(...step.failures);
  return failures;
};

/** What earlier systems wrote: the key-encryption key itself, no associated data. */
const olderForm = (text: string): string => {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
};

/** Turns a stored environment into one of an earlier system. */
const makeOlder = async (id: string, token: string): Promise<void> => {
  await rows.updateOne(
    { _id: id },
    { $set: { 'data.TOKEN.value': token }, $unset: { crypto: 1, lineage: 1 } },
  );
};

describe('the keys of environments', () => {
  it('rotate under the eyes of their owner: nothing changes but the wrapping', async () => {
    const ids = await Promise.all(['one', 'two', 'three'].map((name) => made(name, `${CANARY}-${name}`)));
    const before = await rows.find({}).sort({ _id: 1 }).toArray();
    const next = await added();
    expect(await readdir(join(folder, 'keys'))).toEqual([next]);
    const promoted = await client.keys.promote({ id: next }, owned());
    expect(keyOf(promoted, next)).toMatchObject({ state: KeyState.ACTIVE, documents: 0n, holders: 1 });
    expect(keyOf(promoted, rootId)).toMatchObject({ state: KeyState.STANDBY, documents: 3n });
    const ring = await rewrapped();
    expect(ring.rewrap).toMatchObject({ total: 3n, done: 3n, failed: 0n });
    expect(keyOf(ring, next).documents).toBe(3n);
    const after = await rows.find({}).sort({ _id: 1 }).toArray();
    expect(after.map(withoutHeader)).toEqual(before.map(withoutHeader));
    expect(after.every(({ crypto }) => crypto?.kid === next)).toBe(true);
    const retired = await client.keys.retire({ id: rootId }, owned());
    expect(keyOf(retired, rootId).state).toBe(KeyState.RETIRED);
    expect(await verified()).toEqual([]);
    expect(await Promise.all(ids.map(secretOf))).toEqual(
      ['one', 'two', 'three'].map((name) => `${CANARY}-${name}`),
    );
    // A restart, with the retired key still in the configuration.
    await service.close();
    service = await startService();
    client = service.as('gateway');
    expect(await secretOf(ids[0] ?? '')).toBe(`${CANARY}-one`);
  });

  it('count the earlier versions of an environment with it, and open them after a rotation', async () => {
    const id = await made('versions', 'first');
    await made('versions', 'second');
    await made('versions', 'third');
    expect(await connection.collection('revisions').countDocuments()).toBe(2);
    await client.keys.promote({ id: await added() }, owned());
    const refusal = client.keys.retire({ id: rootId }, owned());
    await expect(refusal).rejects.toThrow('is needed by 1 document: re-wrap first');
    await rewrapped();
    await client.keys.retire({ id: rootId }, owned());
    expect(await verified()).toEqual([]);
    expect(await secretOf(id)).toBe('third');
  });

  it('convert values in older forms, without a new version, and count those that are left', async () => {
    const [bare, prefixed] = [await made('bare'), await made('prefixed')];
    const before = await rows.findOne({ _id: bare });
    await makeOlder(bare, olderForm('older one'));
    await makeOlder(prefixed, `enc:v1:${olderForm('older two')}`);
    expect(await status()).toMatchObject({ legacyValues: 2n, documents: 2n, documentsWithoutMac: 2n });
    expect(await verified()).toEqual([]);
    const next = await added();
    await client.keys.promote({ id: next }, owned());
    await expect(client.keys.retire({ id: rootId }, owned())).rejects.toThrow('2 values in older forms');
    expect(await rewrapped()).toMatchObject({
      ...{ legacyValues: 0n, documentsWithoutMac: 0n },
      rewrap: { total: 2n, done: 2n, failed: 0n },
    });
    const after = await rows.findOne({ _id: bare });
    expect(after).toMatchObject({
      crypto: { kid: next },
      version: before?.version,
      updated: before?.updated,
    });
    expect(after?.data['TOKEN']?.value).toMatch(/^enc:v2:/);
    await client.keys.retire({ id: rootId }, owned());
    expect([await secretOf(bare), await secretOf(prefixed)]).toEqual(['older one', 'older two']);
  });

  it('leave what does not open, and name it: the environment, the variable, the version', async () => {
    const [header, value, old] = [await made('header'), await made('value'), await made('old', 'first')];
    await made('old', 'second');
    const other = await rows.findOne({ _id: value });
    const wdek = other?.crypto?.wdek ?? '';
    await rows.updateOne({ _id: header }, { $set: { 'crypto.wdek': wdek } });
    await rows.updateOne({ _id: value }, { $set: { 'data.TOKEN.value': 'enc:v2:AAAA' } });
    await connection
      .collection('revisions')
      .updateOne({}, { $set: { 'data.TOKEN.value': other?.data['TOKEN']?.value } });
    const failures = (await verified()).map(({ documentId, name }) => [documentId, name]);
    expect(failures.sort()).toEqual(
      [
        [header, ''],
        [value, ''],
        [value, 'TOKEN'],
        [`${old}@1`, ''],
        [`${old}@1`, 'TOKEN'],
      ].sort(),
    );
    await client.keys.promote({ id: await added() }, owned());
    expect((await rewrapped()).rewrap).toMatchObject({ done: 2n, failed: 1n });
    expect(await rows.findOne({ _id: header })).toMatchObject({ crypto: { kid: rootId, wdek } });
    await expect(client.keys.retire({ id: rootId }, owned())).rejects.toThrow('is needed by 1 document');
  });

  it('never overwrite a write that comes in between', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => made(`busy-${i}`, 'v0')));
    const next = await added();
    let stop = false;
    const writers = ids.map(async (_id, i) => {
      let last = 'v0';
      for (let n = 1; !stop; n++) {
        last = `v${n}`;
        await client.commands.apply(environment(`busy-${i}`, last), PATIENT);
      }
      return last;
    });
    await client.keys.promote({ id: next }, owned());
    await rewrapped();
    await client.keys.retire({ id: rootId }, owned());
    stop = true;
    const written = await Promise.all(writers);
    expect(await Promise.all(ids.map(secretOf))).toEqual(written);
    expect(await verified()).toEqual([]);
  });

  it('are for the owner alone, and every command is logged whatever the level', async () => {
    for (const action of [
      client.keys.status({}),
      client.keys.add({}),
      client.keys.promote({ id: rootId }),
      client.keys.rewrap({}),
      client.keys.retire({ id: rootId }),
    ]) {
      await expect(action).rejects.toMatchObject({ kind: 'permission-denied' });
    }
    const check = async () => {
      for await (const step of client.keys.verify({})) expect(step).toBeUndefined();
    };
    await expect(check()).rejects.toMatchObject({ kind: 'permission-denied' });
    const known = new Set((await client.keys.status({}, owned())).keys.map(({ id }) => id));
    const { keys } = await client.keys.add({}, owned());
    const key = keys.find(({ id }) => !known.has(id))?.id;
    expect(key).toMatch(/^[0-9a-f]{16}$/);
    const audits = service.lines.map((line) => JSON.parse(line) as { audit?: string; actor?: string });
    expect(audits.filter(({ audit }) => audit === 'key.refused')).toHaveLength(6);
    expect(audits).toContainEqual(expect.objectContaining({ audit: 'key.add', actor: 'alice', key }));
  });

  it('are not repeated where somebody gives a key in place of its id', async () => {
    const id = key.toString('base64');
    const refused = await client.keys.retire({ id }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'permission-denied' });
    for (const action of [client.keys.promote({ id }, owned()), client.keys.retire({ id }, owned())]) {
      const answer = await action.catch((error: unknown) => error);
      expect(answer).toMatchObject({ kind: 'not-found' });
      expect(String(answer)).not.toContain(id);
    }
    expect(service.lines.join('')).not.toContain(id);
  });

  it('are in no log and no answer, in any encoding', async () => {
    await made('canary');
    const next = await added();
    const answers = [await client.keys.promote({ id: next }, owned()), await rewrapped()];
    const bytes = await readFile(join(folder, 'keys', next));
    await client.keys.retire({ id: rootId }, owned());
    expect(await verified()).toEqual([]);
    const said = service.lines.join('\n') + JSON.stringify(answers, (_, v: unknown) => String(v));
    expect(said).toContain(next);
    for (const secret of [bytes, key, Buffer.from(CANARY)]) {
      for (const encoding of ['base64', 'base64url', 'hex', 'latin1'] as const) {
        expect(said).not.toContain(secret.toString(encoding).replace(/=+$/, ''));
      }
    }
  });
});
